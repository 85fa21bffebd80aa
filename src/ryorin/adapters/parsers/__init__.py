"""Files to text: text formats here, all others through kreuzberg in a guarded child process."""
