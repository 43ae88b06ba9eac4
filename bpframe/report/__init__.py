"""Reports of runs: one HTML file that holds everything it shows, and the same page live while runs train."""
