"""What should be so: pure functions of facts, rules and `as_of`. No I/O, no clock, no dice."""
