"""Every mart, computed in pandas from what was told of a listener and the world and the descriptions of columns alone.

Nothing here imports the project or reads its models. `compare` alone knows Postgres. Counts are `Int64`, dates
`datetime64[us]`, moments the same in UTC; a numeric(p, s) is an `Int64` in units of its last digit.
"""
