"""`make demo`: a real tree is backed up on schedule, lost, and restored, through the AWS Backup API."""
