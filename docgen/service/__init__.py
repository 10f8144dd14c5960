"""Use cases: what people do with contracts and records, each in one transaction of a `Unit`."""
