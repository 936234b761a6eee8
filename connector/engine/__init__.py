"""Introduces rules, adapters and the store to each other."""
