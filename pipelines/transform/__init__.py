"""Records of one system become payloads for another. Pure: nothing here reads, writes or asks."""
