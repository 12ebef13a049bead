/* test_sha256.c - tests SHA-256 by the examples that NIST publishes for FIPS 180-4 (the one-block, two-block and
 * million-letter messages, and the empty one of its CAVP vectors), in pieces of every size. */
#include "base/sha256.h"

#include <stdlib.h>
#include <string.h>

#include "test.h"

static const struct {
    const char *name, *unit;
    size_t times;
    const char *digest;
} cases[] = {
    {"the empty message", "", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"one block", "abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"two blocks of 896 bits",
     "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
     1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    {"a million letters", "a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

/* In pieces of `piece` bytes. */
static void digest_of(char text[CVT_SHA256_TEXT], const char *message, size_t n, size_t piece) {
    cvt_sha256 hash;
    cvt_sha256_begin(&hash);
    for (size_t at = 0; at < n; at += piece) cvt_sha256_add(&hash, message + at, n - at < piece ? n - at : piece);
    cvt_sha256_end_text(&hash, text);
}

int main(void) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t unit = strlen(cases[i].unit), n = unit * cases[i].times;
        char *message = malloc(n + 1), text[CVT_SHA256_TEXT];
        if (!message) abort();
        for (size_t at = 0; at < n; at += unit) memcpy(message + at, cases[i].unit, unit);
        size_t wrong = 0;
        for (size_t piece = 1; piece <= 130; piece += n < 1000 ? 1 : 43) {
            digest_of(text, message, n, piece);
            wrong += strcmp(text, cases[i].digest) != 0;
        }
        test_case(wrong == 0, cases[i].name, "got %s, want %s", text, cases[i].digest);
        free(message);
    }
    return test_end();
}
