/*
 * XXH3, 64 bits, seed 0, default secret.
 *
 * Our own, from the published description of the algorithm; no code of xxHash is in it.  On x86-64 the
 * loop over stripes is vector code, which compilers do not make of the plain loop.  It detects
 * accidents, nothing else: anybody can make data with a wanted checksum.
 */
#include "xxh3.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define PRIME32_1 UINT64_C(0x9E3779B1)
#define PRIME32_2 UINT64_C(0x85EBCA77)
#define PRIME32_3 UINT64_C(0xC2B2AE3D)
#define PRIME64_1 UINT64_C(0x9E3779B185EBCA87)
#define PRIME64_2 UINT64_C(0xC2B2AE3D27D4EB4F)
#define PRIME64_3 UINT64_C(0x165667B19E3779F9)
#define PRIME64_4 UINT64_C(0x85EBCA77C2B2AE63)
#define PRIME64_5 UINT64_C(0x27D4EB2F165667C5)
#define PRIME_MX1 UINT64_C(0x165667919E3779F9)
#define PRIME_MX2 UINT64_C(0x9FB21C651E98DF25)

enum {
    SECRET = 192,
    STRIPE = 64,
    LANES = 8,
    /* Each stripe uses the secret from 8 bytes further on. */
    STRIPES_PER_BLOCK = (SECRET - STRIPE) / 8,
    BLOCK = STRIPES_PER_BLOCK * STRIPE,
};

static const uint8_t secret[SECRET] = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static uint64_t reverse_bytes(uint64_t x)
{
    x = (x & UINT64_C(0x00FF00FF00FF00FF)) << 8 | (x >> 8 & UINT64_C(0x00FF00FF00FF00FF));
    x = (x & UINT64_C(0x0000FFFF0000FFFF)) << 16 | (x >> 16 & UINT64_C(0x0000FFFF0000FFFF));
    return x << 32 | x >> 32;
}

/* Both halves of the 128-bit product, combined by exclusive or. */
static uint64_t fold_product(uint64_t a, uint64_t b)
{
    const uint64_t low_low = (a & 0xFFFFFFFFu) * (b & 0xFFFFFFFFu);
    const uint64_t high_low = (a >> 32) * (b & 0xFFFFFFFFu);
    const uint64_t low_high = (a & 0xFFFFFFFFu) * (b >> 32);
    const uint64_t cross = (low_low >> 32) + (high_low & 0xFFFFFFFFu) + low_high;
    const uint64_t upper = (high_low >> 32) + (cross >> 32) + (a >> 32) * (b >> 32);
    const uint64_t lower = cross << 32 | (low_low & 0xFFFFFFFFu);
    return upper ^ lower;
}

static uint64_t avalanche(uint64_t h)
{
    h ^= h >> 37;
    h *= PRIME_MX1;
    return h ^ h >> 32;
}

/* The final mixing of the older XXH64, used for the shortest inputs. */
static uint64_t avalanche_64(uint64_t h)
{
    h ^= h >> 33;
    h *= PRIME64_2;
    h ^= h >> 29;
    h *= PRIME64_3;
    return h ^ h >> 32;
}

static uint64_t mix_16(const uint8_t *in, const uint8_t *key)
{
    return fold_product(load_u64(in) ^ load_u64(key), load_u64(in + 8) ^ load_u64(key + 8));
}

/* At most 16 bytes. */
static uint64_t hash_tiny(const uint8_t *in, size_t length)
{
    if (length > 8) {
        const uint64_t low = load_u64(in) ^ load_u64(secret + 24) ^ load_u64(secret + 32);
        const uint64_t high = load_u64(in + length - 8) ^ load_u64(secret + 40) ^ load_u64(secret + 48);
        return avalanche(length + reverse_bytes(low) + high + fold_product(low, high));
    }
    if (length >= 4) {
        const uint64_t both = load_u32(in + length - 4) + ((uint64_t)load_u32(in) << 32);
        uint64_t h = both ^ load_u64(secret + 8) ^ load_u64(secret + 16);
        h ^= rotate(h, 49) ^ rotate(h, 24);
        h *= PRIME_MX2;
        h ^= (h >> 35) + length;
        h *= PRIME_MX2;
        return h ^ h >> 28;
    }
    if (length > 0) {
        const uint64_t combined =
            (uint64_t)in[0] << 16 | (uint64_t)in[length >> 1] << 24 | in[length - 1] | length << 8;
        return avalanche_64(combined ^ load_u32(secret) ^ load_u32(secret + 4));
    }
    return avalanche_64(load_u64(secret + 56) ^ load_u64(secret + 64));
}

/* 17 to 128 bytes: pairs of 16 bytes from both ends towards the middle. */
static uint64_t hash_short(const uint8_t *in, size_t length)
{
    uint64_t sum = length * PRIME64_1;
    for (size_t pair = 0; 32 * pair < length; pair++) {
        sum += mix_16(in + 16 * pair, secret + 32 * pair);
        sum += mix_16(in + length - 16 * (pair + 1), secret + 32 * pair + 16);
    }
    return avalanche(sum);
}

/* 129 to 240 bytes. */
static uint64_t hash_middle(const uint8_t *in, size_t length)
{
    uint64_t sum = length * PRIME64_1;
    for (size_t i = 0; i < 8; i++) {
        sum += mix_16(in + 16 * i, secret + 16 * i);
    }
    sum = avalanche(sum);
    for (size_t i = 8; i < length / 16; i++) {
        sum += mix_16(in + 16 * i, secret + 16 * (i - 8) + 3);
    }
    return avalanche(sum + mix_16(in + length - 16, secret + 136 - 17));
}

#if defined(__SSE2__)
/* Two lanes at a time.  Every x86-64 has this; wider vectors need a question at run time. */
typedef __m128i pair;
enum { PAIRS = LANES / 2 };

static inline pair load_pair(const void *from)
{
    return _mm_loadu_si128(from);
}

static inline void take_stripe(pair lanes[PAIRS], const uint8_t *in, const uint8_t *key)
{
    for (size_t i = 0; i < PAIRS; i++) {
        const pair data = load_pair(in + 16 * i);
        const pair keyed = _mm_xor_si128(data, load_pair(key + 16 * i));
        const pair product = _mm_mul_epu32(keyed, _mm_srli_epi64(keyed, 32));
        const pair crossed = _mm_shuffle_epi32(data, _MM_SHUFFLE(1, 0, 3, 2));
        lanes[i] = _mm_add_epi64(lanes[i], _mm_add_epi64(product, crossed));
    }
}

static inline void scramble(pair lanes[PAIRS])
{
    const pair prime = _mm_set1_epi64x(PRIME32_1);
    for (size_t i = 0; i < PAIRS; i++) {
        const pair mixed = _mm_xor_si128(_mm_xor_si128(lanes[i], _mm_srli_epi64(lanes[i], 47)),
                                         load_pair(secret + SECRET - STRIPE + 16 * i));
        const pair low = _mm_mul_epu32(mixed, prime);
        const pair high = _mm_mul_epu32(_mm_srli_epi64(mixed, 32), prime);
        lanes[i] = _mm_add_epi64(low, _mm_slli_epi64(high, 32));
    }
}

/* Takes all stripes but the last. */
static void take_stripes(uint64_t lanes[LANES], const uint8_t *in, size_t stripes)
{
    pair vector[PAIRS];
    memcpy(vector, lanes, sizeof vector);
    size_t i = 0;
    for (; stripes - i >= STRIPES_PER_BLOCK; i += STRIPES_PER_BLOCK) {
        for (size_t k = 0; k < STRIPES_PER_BLOCK; k++) {
            take_stripe(vector, in + STRIPE * (i + k), secret + 8 * k);
        }
        scramble(vector);
    }
    for (size_t k = 0; i + k < stripes; k++) {
        take_stripe(vector, in + STRIPE * (i + k), secret + 8 * k);
    }
    memcpy(lanes, vector, sizeof vector);
}

static void take_last(uint64_t lanes[LANES], const uint8_t *in, const uint8_t *key)
{
    pair vector[PAIRS];
    memcpy(vector, lanes, sizeof vector);
    take_stripe(vector, in, key);
    memcpy(lanes, vector, sizeof vector);
}
#else
static void take_last(uint64_t lanes[LANES], const uint8_t *in, const uint8_t *key)
{
    for (size_t i = 0; i < LANES; i++) {
        const uint64_t data = load_u64(in + 8 * i);
        const uint64_t keyed = data ^ load_u64(key + 8 * i);
        lanes[i ^ 1] += data;
        lanes[i] += (keyed & 0xFFFFFFFFu) * (keyed >> 32);
    }
}

/* Takes all stripes but the last. */
static void take_stripes(uint64_t lanes[LANES], const uint8_t *in, size_t stripes)
{
    for (size_t i = 0; i < stripes; i++) {
        take_last(lanes, in + STRIPE * i, secret + 8 * (i % STRIPES_PER_BLOCK));
        if (i % STRIPES_PER_BLOCK == STRIPES_PER_BLOCK - 1) {
            for (size_t lane = 0; lane < LANES; lane++) {
                lanes[lane] ^= lanes[lane] >> 47 ^ load_u64(secret + SECRET - STRIPE + 8 * lane);
                lanes[lane] *= PRIME32_1;
            }
        }
    }
}
#endif

void nfdump_xxh3_begin(xxh3_state *state)
{
    static const uint64_t start[LANES] = {PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3,
                                          PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1};
    _Static_assert(sizeof state->lanes == sizeof start, "as many lanes");
    memcpy(state->lanes, start, sizeof start);
    state->taken = 0;
}

void nfdump_xxh3_more(xxh3_state *state, span there)
{
    /* The last byte never belongs to a whole block: there is always a last stripe. */
    if (there.length > state->taken + BLOCK) {
        const size_t blocks = (there.length - 1 - state->taken) / BLOCK;
        take_stripes(state->lanes, there.data + state->taken, blocks * STRIPES_PER_BLOCK);
        state->taken += blocks * BLOCK;
    }
}

static uint64_t hash_long(xxh3_state *state, span input)
{
    uint64_t *lanes = state->lanes;
    const size_t length = input.length;
    take_stripes(lanes, input.data + state->taken, (length - 1 - state->taken) / STRIPE);
    take_last(lanes, input.data + length - STRIPE, secret + SECRET - STRIPE - 7);

    uint64_t sum = length * PRIME64_1;
    for (size_t i = 0; i < LANES; i += 2) {
        sum += fold_product(lanes[i] ^ load_u64(secret + 11 + 8 * i), lanes[i + 1] ^ load_u64(secret + 19 + 8 * i));
    }
    return avalanche(sum);
}

uint64_t nfdump_xxh3_end(xxh3_state *state, span whole)
{
    if (whole.length <= 16) {
        return hash_tiny(whole.data, whole.length);
    }
    if (whole.length <= 128) {
        return hash_short(whole.data, whole.length);
    }
    return whole.length <= 240 ? hash_middle(whole.data, whole.length) : hash_long(state, whole);
}

uint64_t nfdump_xxh3(span input)
{
    xxh3_state state;
    nfdump_xxh3_begin(&state);
    return nfdump_xxh3_end(&state, input);
}
