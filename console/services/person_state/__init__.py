"""Values that the windows of a person store in an encrypted file on this desk."""
