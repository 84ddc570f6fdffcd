"""NumPy files: joints, features, and SMPL parameters as AMASS has them."""
