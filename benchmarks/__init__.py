"""One script per question; run by make bench-NAME."""

# before numpy: it decides how many threads a matrix product has
import ryorin as ryorin
