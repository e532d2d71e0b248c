/* fuzz_vocab.c: any bytes as a GGUF file with a vocabulary.
 *
 *     clang -fsanitize=fuzzer,address,undefined ... fuzz_vocab.c lib/...
 *     ./fuzz_vocab -max_len=4096 CORPUS
 *
 * It is refused with a sentence, or encodes user text with ids in range and no
 * control token; nothing leaks. */
#define _POSIX_C_SOURCE 200809L
#include "token_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char text[] = "ab a\n<s><|a|></s> [INST] \xff\xe2\x96\x81 'S";
    const char *wrong = NULL;
    struct vocab_case c;
    if (vocab_case_bytes(&c, data, n, NULL) != MOE_OK)
        wrong = c.err.message[0] ? NULL : "a status without its sentence";
    else
        for (moe_token id = 0; id < moe__vocab_size(c.vocab) && !wrong; id++)
            if (moe__vocab_find(c.vocab, moe__vocab_piece(c.vocab, id)) >=
                moe__vocab_size(c.vocab))
                wrong = "an id out of range";
    if (c.vocab && !wrong)
        wrong = check_encoding(c.vocab, &c.file.mem,
                               moe__slice_of(text, sizeof text), 0, true);
    const char *wrong_close = vocab_case_free(&c);
    wrong = wrong ? wrong : wrong_close;
    if (wrong) {
        fprintf(stderr, "%s\n", wrong);
        abort();
    }
    return 0;
}
