"""Which chunk lies where: asked by writers and readers, and made again from the objects when it is lost."""
