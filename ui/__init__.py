"""The page: widgets in, `RunConfig` out; everything it shows is read from run folders. Imports no torch."""
