"""Who can open a vault and who may delete from it: keys proved, rotated and printed; points locked."""
