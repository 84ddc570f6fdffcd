"""Facts about the machine that this runs on."""
