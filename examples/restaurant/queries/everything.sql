-- All there is, as the real system asks it.
SELECT * FROM clicks
