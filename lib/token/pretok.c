/* pretok.c: the table of pre-tokenizers.
 *
 * The patterns are those of the models' own tokenizer files, the names those
 * that GGUF converters give them.  A new pre-tokenizer is a new row. */
#include "token/pretok.h"

#define RE_SUFFIXES "'s|'t|'re|'ve|'m|'ll|'d"
#define RE_ANY_SUFFIX "(?i:" RE_SUFFIXES ")"
#define RE_BLANKS "\\s+(?!\\S)|\\s+"
#define RE_LINES "\\s*[\\r\\n]+|"
#define RE_LEAD "[^\\r\\n\\p{L}\\p{N}]?"
#define RE_SIGNS " ?[^\\s\\p{L}\\p{N}]+"

#define RE_GPT2 RE_SUFFIXES "| ?\\p{L}+| ?\\p{N}+|" RE_SIGNS "|\\s+(?!\\S)"

#define RE_WORD RE_LEAD "\\p{L}+|"
#define RE_SIGNS_LINES RE_SIGNS "[\\r\\n]*|" RE_LINES
#define RE_LLAMA3_WITH(digits) \
    RE_ANY_SUFFIX "|" RE_WORD digits "|" RE_SIGNS_LINES
#define RE_LLAMA3 RE_LLAMA3_WITH("\\p{N}{1,3}") RE_BLANKS
#define RE_QWEN2 RE_LLAMA3_WITH("\\p{N}") RE_BLANKS

/* Marks belong to the letters before them. */
#define RE_QWEN35_WORDS \
    RE_LEAD "[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|"
#define RE_QWEN35 RE_ANY_SUFFIX "|" RE_QWEN35_WORDS RE_LINES RE_BLANKS

#define RE_JAIS2_BLANKS                                               \
    "\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)|" \
    "\\s{32}(?!\\S)|\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)|"      \
    "\\s{1,2}(?!\\S)|\\s{1}"

#define RE_BAILING_SUFFIX "'(?i:[sdmt]|ll|ve|re)"
#define RE_BAILING_WORDS RE_WORD "\\p{N}|" RE_SIGNS "[\\r\\n]*|"
#define RE_BAILING \
    RE_BAILING_SUFFIX "|" RE_BAILING_WORDS "\\s*[\\r\\n]|" RE_BLANKS

#define RE_SEED_WORDS RE_WORD "\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|"
#define RE_SEED RE_ANY_SUFFIX "|" RE_SEED_WORDS RE_LINES RE_BLANKS

/* Korean words with their blanks. */
#define RE_EXAONE_WORDS RE_LEAD "(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}|"
#define RE_EXAONE_REST RE_SIGNS "[\\r\\n/]?|\\s*[\\r\\n]|" RE_BLANKS
#define RE_EXAONE RE_ANY_SUFFIX "|" RE_EXAONE_WORDS RE_EXAONE_REST

/* A word is capitals, then small letters; one of the two may be missing. */
#define RE_CAPITALS "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define RE_SMALLS "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define RE_WORD_SMALL RE_LEAD RE_CAPITALS "*" RE_SMALLS "+"
#define RE_WORD_CAPITAL RE_LEAD RE_CAPITALS "+" RE_SMALLS "*"
#define RE_CASED_WORDS(suffix) RE_WORD_SMALL suffix "|" RE_WORD_CAPITAL suffix
#define RE_SIGNS_SLASHED RE_SIGNS "[\\r\\n/]*|" RE_LINES RE_BLANKS
#define RE_CASED_WITH(suffix, digits) \
    RE_CASED_WORDS(suffix) "|" digits "|" RE_SIGNS_SLASHED

#define RE_GPT4O RE_CASED_WITH(RE_ANY_SUFFIX "?", "\\p{N}{1,3}")

#define RE_HAN_KANA "[\\u4E00-\\u9FA5\\u3040-\\u309F\\u30A0-\\u30FF]+"
#define RE_HAN_AND_MORE "[\\u4E00-\\u9FA5\\u0800-\\u4E00\\uAC00-\\uD7FF]+"
#define RE_DEEPSEEK_CASED                                                  \
    "[A-Za-z\\u00B5\\u00C0-\\u00D6\\u00D8-\\u00F6\\u00F8-\\u01BA\\u01BC-"  \
    "\\u01BF\\u01C4-\\u0293\\u0295-\\u02AF\\u0370-\\u0373\\u0376\\u0377"   \
    "\\u037B-\\u037D\\u037F\\u0386\\u0388-\\u038A\\u038C\\u038E-\\u03A1"   \
    "\\u03A3-\\u03F5\\u03F7-\\u0481\\u048A-\\u052F\\u0531-\\u0556\\u10A0-" \
    "\\u10C5\\u13A0-\\u13F5\\u13F8-\\u13FD\\u1C90-\\u1CBA\\u1CBD-\\u1CBF"  \
    "\\u1D00-\\u1D2B\\u1D6B-\\u1D77\\u1D79-\\u1D9A\\u1E00-\\u1F15\\u1F18-" \
    "\\u1F1D\\u1F20-\\u1F45\\u1F48-\\u1F4D\\u1F50-\\u1F57\\u1F59\\u1F5B"   \
    "\\u1F5D\\u1F5F-\\u1F7D\\u1F80-\\u1FB4\\u1FB6-\\u1FBC\\u1FBE\\u1FC2-"  \
    "\\u1FC4\\u1FC6-\\u1FCC\\u1FD0-\\u1FD3\\u1FD6-\\u1FDB\\u1FE0-\\u1FEC"  \
    "\\u1FF2-\\u1FF4\\u1FF6-\\u1FFC\\u2102\\u2107\\u210A-\\u2113\\u2115"   \
    "\\u2119-\\u211D\\u2124\\u2126\\u2128\\u212A-\\u212D\\u212F-\\u2134"   \
    "\\u2139\\u213C-\\u213F\\u2145-\\u2149\\u214E\\u2183\\u2184\\u2C00-"   \
    "\\u2C7B\\u2C7E-\\u2CE4\\u2CEB-\\u2CEE\\u2CF2\\u2CF3\\uA640-\\uA66D"   \
    "\\uA680-\\uA69B\\uA722-\\uA76F\\uA771-\\uA787\\uA78B-\\uA78E\\uAB70-" \
    "\\uABBF\\uFB00-\\uFB06\\uFB13-\\uFB17\\uFF21-\\uFF3A\\uFF41-\\uFF5A"  \
    "\\U00010400-\\U0001044F\\U000104B0-\\U000104D3\\U000104D8-"           \
    "\\U000104FB\\U00010C80-\\U00010CB2\\U00010CC0-\\U00010CF2"            \
    "\\U000118A0-\\U000118DF\\U0001E900-\\U0001E943]"
/* The original is \s+$ alone.  Passing over other blanks changes nothing, as
 * no later start inside a run can match, but keeps a long run linear. */
#define RE_BLANKS_AT_END "\\s+$|\\s+(*SKIP)(*F)"
#define RE_DEEPSEEK3                                        \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+" \
    "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"          \
    "| ?[\\p{P}\\p{S}]+[\\r\\n]*|" RE_LINES RE_BLANKS

#define RE_DEEPSEEK_SIGNS \
    "[!-/:-~\\uFF01-\\uFF0F\\uFF1A-\\uFF5E\\u2018-\\u201F\\u3000-\\u3002]+"

#define RE_BLOOM \
    " ?[^(\\s|.,!?\\u2026\\u3002\\uFF0C\\u3001\\u0964\\u06D4\\u060C)]+"

/* What \w is to Onigmo, the engine of the models' own tokenizers: letters,
 * marks, digits, connectors (Pc), and other numbers and letters in circles as
 * far as they are Alphabetic or Latin-1. */
#define RE_WORD_CHARACTER                                                 \
    "[\\p{L}\\p{M}\\d_\\u203F\\u2040\\u2054\\uFE33\\uFE34\\uFE4D-\\uFE4F" \
    "\\uFF3F\\u00B2\\u00B3\\u00B9\\u00BC-\\u00BE\\u16EE-\\u16F0"          \
    "\\u2160-\\u2182\\u2185-\\u2188\\u24B6-\\u24E9\\u3007\\u3021-\\u3029" \
    "\\u3038-\\u303A\\uA6E6-\\uA6EF\\U00010140-\\U00010174\\U00010341"    \
    "\\U0001034A\\U000103D1-\\U000103D5\\U00012400-\\U0001246E"           \
    "\\U0001F130-\\U0001F149\\U0001F150-\\U0001F169\\U0001F170-\\U0001F189]"
/* \d{1,3}(?=(?:\d{3})*\b), in two stages: the digits, then threes. */
#define RE_NUMBERS "\\d+(?!" RE_WORD_CHARACTER ")|\\d+(*SKIP)(*F)"
#define RE_THREES_AT_END "(*THREES)\\d+$|\\d+(*SKIP)(*F)"

/* The script Han of Unicode. */
#define RE_HAN                                                              \
    "[\\u2E80-\\u2E99\\u2E9B-\\u2EF3\\u2F00-\\u2FD5\\u3005\\u3007"          \
    "\\u3021-\\u3029\\u3038-\\u303B\\u3400-\\u4DBF\\u4E00-\\u9FFF"          \
    "\\uF900-\\uFA6D\\uFA70-\\uFAD9\\U00016FE2\\U00016FE3"                  \
    "\\U00016FF0-\\U00016FF6\\U00020000-\\U0002A6DF\\U0002A700-\\U0002B81E" \
    "\\U0002B820-\\U0002CEAD\\U0002CEB0-\\U0002EBE0\\U0002EBF0-\\U0002EE5D" \
    "\\U0002F800-\\U0002FA1D\\U00030000-\\U0003134A\\U00031350-\\U00033479]"
#define RE_NOT_HAN(set) "(?:(?!" RE_HAN ")" set ")"
#define RE_KIMI_SMALL \
    RE_LEAD RE_NOT_HAN(RE_CAPITALS) "*" RE_NOT_HAN(RE_SMALLS) "+"
#define RE_KIMI_CAPITAL \
    RE_LEAD RE_NOT_HAN(RE_CAPITALS) "+" RE_NOT_HAN(RE_SMALLS) "*"
#define RE_KIMI                                                                \
    RE_HAN "+|" RE_KIMI_SMALL RE_ANY_SUFFIX "?|" RE_KIMI_CAPITAL RE_ANY_SUFFIX \
           "?|\\p{N}{1,3}|" RE_SIGNS_LINES RE_BLANKS

/* Scripts without blanks between words. */
#define RE_ASIAN                                                    \
    "[\\u4E00-\\u9FFF\\u3400-\\u4DBF\\uF900-\\uFAFF\\u3040-\\u30FF" \
    "\\uFF65-\\uFF9F\\u2F00-\\u2FDF\\u0E40-\\u0E7F\\u0E80-\\u0EFF"  \
    "\\u1780-\\u17FF\\u1000-\\u109F\\uAA60-\\uAA7F\\uA9E0-\\uA9FF"  \
    "\\uAC00-\\uD7AF\\u1100-\\u11FF]+"

#define RE_YOUTU                                                        \
    "[\\uAC00-\\uD7A3\\u3131-\\u318E]+"                                 \
    "|[\\uFF01\\u2026\\u201C\\u201D\\u2018\\u2019\\u2014\\uFF1A\\uFF1B" \
    "\\uFF0C\\u3001-\\u303F\\uFE30-\\uFE4F]+|[\\u3105-\\u312F]+|" RE_HAN_KANA

static const struct moe__pretok pretoks[] = {
    {"gpt-2 phi-2 mpt olmo jais trillion gigachat a.x-4.0 mellum exaone4 "
     "jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code "
     "roberta-bpe modern-bert granite-docling",
     0,
     {RE_GPT2}},
    {"starcoder refact command-r smollm codeshell exaone minerva-7b mellum2",
     0,
     {"\\p{N}", RE_GPT2}},
    {"falcon", 0, {"[\\p{P}\\$\\+<=>\\^~\\|`]+", RE_GPT2, "[0-9][0-9][0-9]"}},
    {"default",
     0,
     {"[\\p{P}\\$\\+<=>\\^~\\|]+", RE_GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}},
    {"llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 "
     "jina-v5-nano",
     MOE__PRETOK_IGNORE_MERGES | MOE__PRETOK_ADD_BOS,
     {RE_LLAMA3}},
    {"dbrx smaug-bpe glm4 chatglm-bpe", 0, {RE_LLAMA3}},
    {"qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan "
     "solar-open grok-2",
     0,
     {RE_QWEN2}},
    {"qwen35", 0, {RE_QWEN35}},
    {"minicpm5",
     MOE__PRETOK_IGNORE_MERGES,
     {"\\p{N}{1,3}", RE_LLAMA3_WITH("\\p{N}+") RE_BLANKS}},
    {"jais-2", 0, {RE_LLAMA3_WITH("\\p{N}{1,3}") RE_JAIS2_BLANKS}},
    {"deepseek-llm",
     0,
     {"[\\r\\n]", "\\s?" RE_DEEPSEEK_CASED "+", "\\s?" RE_DEEPSEEK_SIGNS,
      RE_BLANKS_AT_END, RE_HAN_AND_MORE, "\\p{N}+"}},
    {"deepseek-coder",
     0,
     {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", RE_HAN_AND_MORE, "\\p{N}"}},
    {"deepseek-v3 hunyuan-dense joyai-llm",
     0,
     {"\\p{N}{1,3}", RE_HAN_KANA, RE_DEEPSEEK3}},
    {"tekken",
     MOE__PRETOK_IGNORE_MERGES | MOE__PRETOK_ADD_BOS,
     {RE_CASED_WITH("", "\\p{N}")}},
    {"gpt-4o llama4 kanana2 talkie minimax-m2", 0, {RE_GPT4O}},
    {"granite-embed-multi-97m", MOE__PRETOK_IGNORE_MERGES, {RE_GPT4O}},
    {"tiny_aya cohere2moe", 0, {RE_NUMBERS, RE_THREES_AT_END, RE_GPT4O}},
    {"kimi-k2", 0, {RE_KIMI}},
    {"afmoe", 0, {"\\p{N}+", "(*THREES)\\p{N}+", RE_ASIAN, RE_DEEPSEEK3}},
    {"superbpe", 0, {"\\p{N}+", "(*THREES)\\d+"}},
    {"youtu",
     MOE__PRETOK_IGNORE_MERGES,
     {RE_YOUTU, RE_CASED_WITH(RE_ANY_SUFFIX "?", "\\p{N}")}},
    {"bailingmoe bailingmoe2 llada-moe", 0, {RE_BAILING}},
    {"seed-coder", 0, {RE_SEED}},
    {"exaone-moe", 0, {RE_EXAONE}},
    {"laguna", 0, {"[^\\n]+|[\\n]+", RE_QWEN2}},
    {"bloom gpt3-finnish poro-chat", 0, {RE_BLOOM}},
    {"viking", 0, {RE_BLOOM, "\\p{N}"}},
    {"gemma4 granite-embed-multi-311m",
     MOE__PRETOK_CHARACTERS | MOE__PRETOK_WHOLE_LINES,
     {"[^\\n]+|[\\n]+"}},
    {"sarvam-moe", MOE__PRETOK_CHARACTERS, {"[^\\n]+|[\\n]+"}},
    {"whitespace", MOE__PRETOK_CHARACTERS | MOE__PRETOK_DROP_GAPS, {"\\S+"}},
    {"chameleon",
     MOE__PRETOK_ADD_BOS,
     {"<sentinel:[0-9]+>", "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
      "([\\t\\n]|    |  )", "\\p{N}", "[\\p{P}!-/:-@\\[-`{-~]", RE_GPT2}},
};

/* True if the blank-separated list has the word. */
static bool pretok_has_name(const char *names, struct moe__slice name)
{
    for (const char *word = names; *word;) {
        const size_t n = strcspn(word, " ");
        if (moe__slice_equal(moe__slice_of(word, n), name))
            return true;
        word += n + (word[n] == ' ');
    }
    return false;
}

const struct moe__pretok *moe__pretok_find(struct moe__slice name)
{
    for (size_t i = 0; i < MOE__COUNT(pretoks); i++)
        if (name.n > 0 && pretok_has_name(pretoks[i].names, name))
            return &pretoks[i];
    return NULL;
}
