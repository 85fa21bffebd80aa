"""This process and this machine: blobs in a folder, answers in memory, time and ids."""
