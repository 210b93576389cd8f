"""Which of many frames are shown."""


def thinned(count: int, most: int) -> list[int]:
    """At most `most` of the indices 0 … count − 1, evenly spread, the first and the last among them."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})
