"""Thirty harmful PDFs, created by code. Each one tries in another way to make the rendering process slow, large or
unsafe."""

import zlib
from collections.abc import Callable, Iterable

CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def make_pdf(objects: Iterable[bytes], trailer: bytes = b"") -> bytes:
    """Return a PDF file of these objects, numbered from 1; the first object is the catalog."""
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer<</Size %d/Root 1 0 R%b>>\nstartxref\n%d\n%%%%EOF" % (len(places) + 1, trailer, table)
    return bytes(out)


def make_stream(data: bytes, head: bytes = b"") -> bytes:
    return b"<</Length %d%b>>stream\n%b\nendstream" % (len(data), head, data)


def make_page(
    content: bytes = b"",
    *,
    box: str = "0 0 595 842",
    resources: str = "",
    more: Iterable[bytes] = (),
    head: bytes = b"",
) -> bytes:
    """Return a PDF of one page with this content. `box` is the page's size, `resources` adds to the page's
    dictionary of resources, `head` to the dictionary in front of the content's stream, such as its filters; `more`
    are further objects, numbered from 6.
    """
    sheet = f"<</Type/Page/Parent 2 0 R/MediaBox[{box}]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>{resources}>>>>"
    tree = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
    return make_pdf([CATALOG, tree, sheet.encode(), make_stream(content, head), FONT, *more])


def make_report_pdf(*lines: str) -> bytes:
    """Return a harmless PDF of one page with these lines of text, in a Japanese font that the PDF doesn't contain."""
    hexed = [line.encode("utf-16-be").hex() for line in lines]
    shown = "".join(f"BT /F2 24 Tf 72 {760 - 40 * index} Td <{text}> Tj ET " for index, text in enumerate(hexed))
    info = "<</Registry(Adobe)/Ordering(Japan1)/Supplement 2>>"
    flags = "/Flags 4/FontBBox[0 0 1000 1000]/ItalicAngle 0/Ascent 800/Descent -200/CapHeight 700/StemV 80"
    font = "/Type0/BaseFont/HeiseiKakuGo-W5/Encoding/UniJIS-UCS2-H/DescendantFonts[7 0 R]"
    child = f"/CIDFontType0/BaseFont/HeiseiKakuGo-W5/CIDSystemInfo{info}/FontDescriptor 8 0 R"
    return make_pdf(
        [
            CATALOG,
            b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F2 6 0 R>>>>>>",
            make_stream(shown.encode()),
            FONT,
            f"<</Type/Font/Subtype{font}>>".encode(),
            f"<</Type/Font/Subtype{child}>>".encode(),
            f"<</Type/FontDescriptor/FontName/HeiseiKakuGo-W5{flags}>>".encode(),
        ]
    )


def make_many_pages(count: int) -> bytes:
    kids = b" ".join(b"%d 0 R" % number for number in range(3, count + 3))
    sheets = [b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"] * count
    return make_pdf([CATALOG, b"<</Type/Pages/Kids[%b]/Count %d>>" % (kids, count), *sheets])


def compress(data: bytes) -> bytes:
    return zlib.compress(data, 9)


def make_compressed_blanks(megabytes: int) -> bytes:
    """Return compressed data that expands to `megabytes` megabytes of blanks. The compressed size is about a
    thousandth of that.
    """
    packed = zlib.compressobj(9)
    first, other = (packed.compress(b" " * 1_000_000) + packed.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + other * (megabytes - 1) + packed.flush()


def make_image_object(width: int, height: int, kind: bytes, data: bytes) -> bytes:
    head = b"/Type/XObject/Subtype/Image/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/%b" % kind
    return make_stream(data, b"/Width %d/Height %d%b" % (width, height, head))


def make_page_with_picture(width: int, height: int, kind: bytes, data: bytes) -> bytes:
    return make_page(
        b"q 595 0 0 842 0 0 cm /X Do Q",
        resources="/XObject<</X 6 0 R>>",
        more=[make_image_object(width, height, kind, data)],
    )


def make_nested_forms(depth: int, forms_per_level: int) -> bytes:
    """Return a PDF in which each form draws the next one `forms_per_level` times, which makes forms_per_level **
    depth drawings.
    """
    head = "/Type/XObject/Subtype/Form/BBox[0 0 595 842]"
    forms = [
        make_stream(b"/X Do " * forms_per_level, f"{head}/Resources<</XObject<</X {number + 1} 0 R>>>>".encode())
        for number in range(6, 6 + depth)
    ]
    return make_page(
        b"/X Do", resources="/XObject<</X 6 0 R>>", more=[*forms, make_stream(b"0 0 500 500 re f", head.encode())]
    )


def make_tiling_pattern() -> bytes:
    """Return a PDF whose page is filled with a pattern that is repeated every thousandth of a point."""
    pattern = (
        b"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 1 1]/XStep .001/YStep .001/Resources<<>>"
    )
    return make_page(
        b"/Pattern cs /P scn 0 0 595 842 re f",
        resources="/Pattern<</P 6 0 R>>",
        more=[make_stream(b"0 0 1 1 re f", pattern)],
    )


def make_computed_shading() -> bytes:
    """Return a PDF with a colour gradient that is computed by a program of a million steps."""
    program = b"{" + b"1 add 1 sub " * 500_000 + b"pop dup dup}"
    function = make_stream(program, b"/FunctionType 4/Domain[0 1 0 1]/Range[0 1 0 1 0 1]")
    return make_page(
        b"595 0 0 842 0 0 cm /S sh",
        resources="/Shading<</S<</ShadingType 1/ColorSpace/DeviceRGB/Function 6 0 R>>>>",
        more=[function],
    )


def make_encrypted_pdf() -> bytes:
    keys = b"/Encrypt<</Filter/Standard/V 2/R 3/Length 128/P -4/O(%b)/U(%b)>>" % (b"o" * 32, b"u" * 32)
    return make_pdf([CATALOG, b"<</Type/Pages/Kids[]/Count 0>>"], keys + b"/ID[(0123456789abcdef)(0123456789abcdef)]")


def make_scripted_pdf() -> bytes:
    """Return a PDF that tries to run JavaScript, to start a program and to call an address when it is opened. The
    renderer must do none of these."""
    acts = b"/OpenAction<</S/JavaScript/JS(while\\(true\\){})>>/AA<</WC<</S/Launch/F(/bin/sh)>>>>"
    sheet = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/AA<</O<</S/URI/URI(http://127.0.0.1:9/)>>>>>>"
    return make_pdf([b"<</Type/Catalog/Pages 2 0 R%b>>" % acts, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", sheet])


def make_pdf_of_million_objects() -> bytes:
    """Return a PDF of one page whose table lists a million further objects."""
    whole = make_page()
    entry = b"0000000009 00000 n \n"
    return whole.replace(b"0 6\n", b"0 1000006\n").replace(b"trailer", entry * 1_000_000 + b"trailer")


def make_cross_reference_loop() -> bytes:
    whole = make_page()
    table = whole.rindex(b"xref\n0")
    return whole.replace(b"/Root 1 0 R", b"/Root 1 0 R/Prev %d" % table)


def make_truncated_pdf() -> bytes:
    whole = make_report_pdf("株式会社")
    return whole[: len(whole) // 2]


HARMFUL_PDFS: dict[str, Callable[[], bytes]] = {
    # Not a PDF at all.
    "nothing": lambda: b"",
    "executable": lambda: b"MZ\x90\x00" + b"\0" * 5000,
    "page of the web": lambda: b"<!DOCTYPE html><html>please log in</html>",
    "executable with a PDF inside": lambda: b"MZ\x90\x00" + make_page(),
    "half a gigabyte, cut at the limit": lambda: b"%PDF-1.7\n" + b" " * (32 * 1024 * 1024),
    # Broken.
    "head alone": lambda: b"%PDF-1.7\n%%EOF",
    "noise": lambda: b"%PDF-1.7\n" + zlib.compress(bytes(range(256)) * 4000) + b"\n%%EOF",
    "truncated": make_truncated_pdf,
    "encrypted": make_encrypted_pdf,
    "no pages": lambda: make_pdf([CATALOG, b"<</Type/Pages/Kids[]/Count 0>>"]),
    "cross-reference loop": make_cross_reference_loop,
    "zeros to the limit": lambda: b"%PDF-1.7\n" + b"\0" * (31 * 1024 * 1024),
    # Too much of something.
    "100,000 pages": lambda: make_many_pages(100_000),
    "two thousand million pages claimed": lambda: make_pdf(
        [CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 2000000000>>"]
    ),
    "page tree of itself": lambda: make_pdf([CATALOG, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 4>>"]),
    "a million objects": make_pdf_of_million_objects,
    "huge page": lambda: make_page(b"0 0 9 9 re f", box="0 0 2000000000 2000000000"),
    "endless strip": lambda: make_page(b"0 0 9 9 re f", box="0 0 1 14400"),
    "page without size": lambda: make_page(b"", box="0 0 0 0"),
    "arrays within arrays": lambda: make_page(more=[b"[" * 200_000 + b"]" * 200_000], resources="/X 6 0 R"),
    "saved states without end": lambda: make_page(b"q " * 3_000_000),
    # Small, and then big.
    "text that inflates to 4 GB": lambda: make_page(
        compress(make_compressed_blanks(4000)), head=b"/Filter[/FlateDecode/FlateDecode]"
    ),
    "text that inflates to 500 MB": lambda: make_page(make_compressed_blanks(500), head=b"/Filter/FlateDecode"),
    "picture of 60,000 × 60,000": lambda: make_page_with_picture(
        60_000, 60_000, b"FlateDecode", make_compressed_blanks(20)
    ),
    "picture of 12,000 × 12,000": lambda: make_page_with_picture(
        12_000, 12_000, b"FlateDecode", make_compressed_blanks(432)
    ),
    "picture of 30,000 × 30,000 in run lengths": lambda: make_page_with_picture(
        30_000, 30_000, b"RunLengthDecode", b"\x81\xff" * 2_000_000
    ),
    # Work without end.
    "forms within forms": lambda: make_nested_forms(12, 12),
    "tiny tiles": make_tiling_pattern,
    "shading of a million steps": make_computed_shading,
    "script, launch and call": make_scripted_pdf,
}
