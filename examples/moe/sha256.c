/* sha256.c: the digest of FIPS 180-4. */
#include "cli.h"

#include <string.h>

/* The first 32 bits of the fractional parts of the cube roots of the first 64
 * primes (FIPS 180-4, 4.2.2). */
static const uint32_t sha256_table[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

void sha256_start(struct sha256 *hash)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372,
                                      0xa54ff53a, 0x510e527f, 0x9b05688c,
                                      0x1f83d9ab, 0x5be0cd19};
    memcpy(hash->state, start, sizeof start);
    hash->n_bytes = 0;
}

static uint32_t turn_right(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void sha256_block(struct sha256 *hash)
{
    uint32_t w[64];
    uint32_t s[8];
    for (int i = 0; i < 16; i++) {
        const uint8_t *b = hash->block + 4 * i;
        w[i] = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
               (uint32_t)b[2] << 8 | b[3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15];
        uint32_t b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] +
               (turn_right(a, 7) ^ turn_right(a, 18) ^ a >> 3) +
               (turn_right(b, 17) ^ turn_right(b, 19) ^ b >> 10);
    }
    memcpy(s, hash->state, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t a = s[0];
        uint32_t e = s[4];
        uint32_t t =
            s[7] + sha256_table[i] + w[i] +
            (turn_right(e, 6) ^ turn_right(e, 11) ^ turn_right(e, 25)) +
            ((e & s[5]) ^ (~e & s[6]));
        uint32_t u =
            (turn_right(a, 2) ^ turn_right(a, 13) ^ turn_right(a, 22)) +
            ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += t;
        s[0] = t + u;
    }
    for (int i = 0; i < 8; i++)
        hash->state[i] += s[i];
}

void sha256_put(struct sha256 *hash, const void *data, size_t n)
{
    const uint8_t *from = data;
    while (n > 0) {
        size_t at = hash->n_bytes % 64;
        size_t take = n < 64 - at ? n : 64 - at;
        memcpy(hash->block + at, from, take);
        hash->n_bytes += take;
        from += take;
        n -= take;
        if (at + take == 64)
            sha256_block(hash);
    }
}

void sha256_end(struct sha256 *hash, char hex[65])
{
    static const uint8_t padding[64] = {0x80};
    uint64_t n_bits = hash->n_bytes * 8;
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(n_bits >> (56 - 8 * i));
    /* one bit, then zeros until 8 bytes are left of a block */
    sha256_put(hash, padding, 1 + (119 - hash->n_bytes % 64) % 64);
    sha256_put(hash, length, sizeof length);
    for (int i = 0; i < 64; i++)
        hex[i] =
            "0123456789abcdef"[hash->state[i / 8] >> (28 - i % 8 * 4) & 15];
    hex[64] = 0;
}
