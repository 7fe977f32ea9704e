"""The Web-API of the corporation registry's publisher (国税庁法人番号システム Web-API, Ver.4). Requests to it cost
nothing."""
