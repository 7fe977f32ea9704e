"""The corporation registry of the National Tax Agency (国税庁法人番号公表サイト): values and rules without I/O."""
