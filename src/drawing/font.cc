#include "drawing/font.h"

// CTCLIP_FONT is the path of the file at build time.
asm(".pushsection .rodata\n"
    ".balign 16\n"
    ".global ctclip_font_begin\n"
    ".global ctclip_font_end\n"
    "ctclip_font_begin:\n"
    ".incbin \"" CTCLIP_FONT
    "\"\n"
    "ctclip_font_end:\n"
    ".popsection\n");

extern "C" {
extern const uint8_t ctclip_font_begin[];  // NOLINT(*-avoid-c-arrays)
extern const uint8_t ctclip_font_end[];    // NOLINT(*-avoid-c-arrays)
}

namespace ctclip::drawing {

std::span<const uint8_t> font_file() { return {ctclip_font_begin, ctclip_font_end}; }

}  // namespace ctclip::drawing
