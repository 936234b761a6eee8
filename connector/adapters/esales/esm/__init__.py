"""The newer esm by its gateway: dotted item keys, tokens of an hour, and a search that is described nowhere."""
