"""Others are told what happened: events sent to their addresses, signed."""
