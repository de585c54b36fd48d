"""What a component is: one file a family, all behind the contract in `base`."""
