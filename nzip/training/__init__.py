"""Training small experts with torch (the ``neural`` extra). Nothing on a coded path imports this package."""
