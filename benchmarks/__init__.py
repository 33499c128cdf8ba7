"""What the marks of this project are measured with: both sides in one run, in turns."""
