"""People judge answers: queues of them, what was found, and whether those who judged agree."""
