"""How sure the parameters are: information, bootstrap, jackknife, likelihood-ratio tests, cross-validation."""
