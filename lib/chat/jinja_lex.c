/* jinja_lex.c: the source of a template -> lexemes.
 *
 * Owns white space: what -, + and lstrip_blocks take from the text before a
 * tag, what - and trim_blocks take after it.  Assumes newlines are \n. */
#include "base/utf8.h"
#include "chat/jinja.h"

void moe__lexer_init(struct moe__lexer *lexer, struct moe__slice source)
{
    *lexer = (struct moe__lexer){.source = source,
                                 .inside = MOE__LEXEME_TEXT,
                                 .is_line_start = true,
                                 .line = 1,
                                 .column = 1};
}

/* Where a lexeme lies; positions come in ascending order. */
static void lexer_place(struct moe__lexer *lexer, size_t pos,
                        struct moe__lexeme *out)
{
    for (; lexer->counted < pos; lexer->counted++) {
        const int byte = lexer->source.data[lexer->counted];
        const bool is_end = byte == '\n';
        lexer->line += is_end;
        lexer->column = is_end ? 1 : lexer->column + ((byte & 0xc0) != 0x80);
    }
    out->line = lexer->line;
    out->column = lexer->column;
}

static moe_status lexer_fail(struct moe__lexer *lexer, size_t pos,
                             const char *words, struct moe__err *err)
{
    struct moe__lexeme at;
    lexer_place(lexer, pos, &at);
    return moe__fail(err, MOE_ERR_FORMAT, "line %d, column %d: %s", at.line,
                     at.column, words);
}

static int lexer_byte(const struct moe__lexer *lexer, size_t pos)
{
    return pos < lexer->source.n ? lexer->source.data[pos] : -1;
}

static bool lexer_sees(const struct moe__lexer *lexer, size_t pos,
                       const char *words)
{
    const size_t n = strlen(words);
    return n <= lexer->source.n - pos &&
           memcmp(lexer->source.data + pos, words, n) == 0;
}

/* The end of the white space that begins at pos. */
static size_t lexer_skip_space(const struct moe__lexer *lexer, size_t pos)
{
    while (pos < lexer->source.n) {
        uint32_t code;
        const int32_t n = moe__utf8_decode(
            moe__slice_of(lexer->source.data + pos, lexer->source.n - pos),
            &code);
        if (n < 0 || !moe__jinja_is_space(code))
            break;
        pos += (size_t)n;
    }
    return pos;
}

/* The begin of the white space that ends at `end`, not before `begin`. */
static size_t lexer_strip_space(const struct moe__lexer *lexer, size_t begin,
                                size_t end)
{
    while (end > begin) {
        size_t pos = end - 1;
        while (pos > begin && (lexer->source.data[pos] & 0xc0) == 0x80)
            pos--;
        if (lexer_skip_space(lexer, pos) < end)
            break;
        end = pos;
    }
    return end;
}

/* Steps over the end of a tag and the white space that belongs to it: all
 * after -, one newline after a block or a comment. */
static void lexer_leave(struct moe__lexer *lexer, size_t pos, bool is_stripped,
                        bool is_trimmed)
{
    if (is_stripped)
        pos = lexer_skip_space(lexer, pos);
    else if (is_trimmed && lexer_byte(lexer, pos) == '\n')
        pos++;
    lexer->is_line_start = lexer->source.data[pos - 1] == '\n';
    lexer->pos = pos;
    lexer->inside = MOE__LEXEME_TEXT;
}

/* The end of a text before a tag whose sign is `sign`. */
static size_t lexer_text_end(const struct moe__lexer *lexer, size_t begin,
                             size_t end, int sign, bool is_block)
{
    if (sign == '-')
        return lexer_strip_space(lexer, begin, end);
    if (sign == '+' || !is_block)
        return end;
    size_t line = end;
    while (line > begin && lexer->source.data[line - 1] != '\n')
        line--;
    const bool is_whole = line > begin || lexer->is_line_start;
    return is_whole && lexer_strip_space(lexer, line, end) == line ? line : end;
}

/* Is there `word` (raw, endraw) in the tag whose inside begins at pos?  *end is
 * then behind the tag's closing, *is_stripped tells of its -. */
static bool lexer_word_tag(const struct moe__lexer *lexer, size_t pos,
                           const char *word, size_t *end, bool *is_stripped)
{
    pos = lexer_skip_space(lexer, pos);
    if (!lexer_sees(lexer, pos, word))
        return false;
    pos = lexer_skip_space(lexer, pos + strlen(word));
    *is_stripped = lexer_byte(lexer, pos) == '-';
    pos += *is_stripped;
    *end = pos + 2;
    return lexer_sees(lexer, pos, "%}");
}

static size_t lexer_sign_end(const struct moe__lexer *lexer, size_t tag,
                             int *sign)
{
    *sign = lexer_byte(lexer, tag + 2);
    return tag + 2 + (*sign == '-' || *sign == '+');
}

static void lexer_text(struct moe__lexer *lexer, size_t begin, size_t end,
                       struct moe__lexeme *out)
{
    out->kind = MOE__LEXEME_TEXT;
    out->text = moe__slice_of(lexer->source.data + begin, end - begin);
    lexer_place(lexer, begin, out);
}

/* A raw block, whose content begins at pos. */
static moe_status lexer_raw(struct moe__lexer *lexer, size_t pos,
                            struct moe__lexeme *out, struct moe__err *err)
{
    for (size_t tag = pos; tag < lexer->source.n; tag++) {
        int sign;
        size_t end;
        bool is_stripped;
        if (!lexer_sees(lexer, tag, "{%") ||
            !lexer_word_tag(lexer, lexer_sign_end(lexer, tag, &sign), "endraw",
                            &end, &is_stripped))
            continue;
        lexer_text(lexer, pos, lexer_text_end(lexer, pos, tag, sign, true),
                   out);
        lexer_leave(lexer, end, is_stripped, true);
        return MOE_OK;
    }
    return lexer_fail(lexer, pos, "raw block without endraw", err);
}

static moe_status lexer_comment(struct moe__lexer *lexer, size_t pos,
                                struct moe__err *err)
{
    for (size_t end = pos; end < lexer->source.n; end++)
        if (lexer_sees(lexer, end, "#}")) {
            const bool is_stripped =
                end > pos && lexer->source.data[end - 1] == '-';
            lexer_leave(lexer, end + 2, is_stripped, true);
            return MOE_OK;
        }
    return lexer_fail(lexer, pos, "comment without #}", err);
}

/* The first {{, {% or {# from pos on, or the end. */
static size_t lexer_find_tag(const struct moe__lexer *lexer, size_t pos)
{
    for (; pos + 1 < lexer->source.n; pos++)
        if (lexer->source.data[pos] == '{' &&
            strchr("{%#", lexer->source.data[pos + 1]) != NULL &&
            lexer->source.data[pos + 1] != 0)
            return pos;
    return lexer->source.n;
}

/* Text up to a tag and what the tag begins.  A text may be empty. */
static moe_status lexer_outside(struct moe__lexer *lexer,
                                struct moe__lexeme *out, struct moe__err *err)
{
    const size_t begin = lexer->pos, tag = lexer_find_tag(lexer, begin);
    if (tag == lexer->source.n) {
        lexer_text(lexer, begin, tag, out);
        lexer->pos = tag;
        return MOE_OK;
    }
    int sign;
    size_t pos = lexer_sign_end(lexer, tag, &sign);
    const int type = lexer->source.data[tag + 1];
    lexer_text(lexer, begin,
               lexer_text_end(lexer, begin, tag, sign, type != '{'), out);
    if (type == '#')
        return lexer_comment(lexer, pos, err);
    size_t end;
    bool is_stripped;
    if (type == '%' && lexer_word_tag(lexer, pos, "raw", &end, &is_stripped)) {
        lexer->has_pending = true;
        if (is_stripped)
            end = lexer_skip_space(lexer, end);
        lexer->is_line_start = lexer->source.data[end - 1] == '\n';
        return lexer_raw(lexer, end, &lexer->pending, err);
    }
    lexer->has_pending = true;
    lexer->pending.kind =
        type == '%' ? MOE__LEXEME_BLOCK_BEGIN : MOE__LEXEME_PRINT_BEGIN;
    lexer->pending.text = moe__slice_of(lexer->source.data + tag, pos - tag);
    lexer_place(lexer, tag, &lexer->pending);
    lexer->inside = lexer->pending.kind;
    lexer->pos = pos;
    return MOE_OK;
}

/* The end of a tag at the present place, if it is one. */
static bool lexer_tag_end(struct moe__lexer *lexer, struct moe__lexeme *out)
{
    const bool is_block = lexer->inside == MOE__LEXEME_BLOCK_BEGIN;
    const int first = lexer_byte(lexer, lexer->pos);
    const bool has_sign = first == '-' || (first == '+' && is_block);
    const size_t pos = lexer->pos + has_sign;
    if (lexer->n_brackets > 0 ||
        !lexer_sees(lexer, pos, is_block ? "%}" : "}}"))
        return false;
    out->kind = is_block ? MOE__LEXEME_BLOCK_END : MOE__LEXEME_PRINT_END;
    out->text = moe__slice_of(lexer->source.data + pos, 2);
    lexer_leave(lexer, pos + 2, first == '-', is_block && first != '+');
    return true;
}

static bool lexer_is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

static bool lexer_is_word(int byte)
{
    return lexer_is_digit(byte) || (byte >= 'a' && byte <= 'z') ||
           (byte >= 'A' && byte <= 'Z') || byte == '_' || byte >= 0x80;
}

static size_t lexer_digits(const struct moe__lexer *lexer, size_t pos)
{
    while (lexer_is_digit(lexer_byte(lexer, pos)))
        pos++;
    return pos;
}

/* Decimal only; after a dot (x.0.1) there are no fractions. */
static moe_status lexer_number(struct moe__lexer *lexer,
                               struct moe__lexeme *out, struct moe__err *err)
{
    const size_t begin = lexer->pos;
    const bool is_index = begin > 0 && lexer->source.data[begin - 1] == '.';
    size_t end = lexer_digits(lexer, begin);
    out->kind = MOE__LEXEME_INTEGER;
    if (!is_index && lexer_byte(lexer, end) == '.' &&
        lexer_is_digit(lexer_byte(lexer, end + 1))) {
        out->kind = MOE__LEXEME_FLOAT;
        end = lexer_digits(lexer, end + 1);
    }
    size_t power = end + 1;
    if (!is_index && (lexer_byte(lexer, end) | 32) == 'e') {
        const int sign = lexer_byte(lexer, power);
        power += sign == '-' || sign == '+';
        if (lexer_is_digit(lexer_byte(lexer, power))) {
            out->kind = MOE__LEXEME_FLOAT;
            end = lexer_digits(lexer, power);
        }
    }
    if (lexer_is_word(lexer_byte(lexer, end)))
        return lexer_fail(lexer, begin, "not a decimal number", err);
    out->text = moe__slice_of(lexer->source.data + begin, end - begin);
    lexer->pos = end;
    return MOE_OK;
}

static moe_status lexer_quoted(struct moe__lexer *lexer,
                               struct moe__lexeme *out, struct moe__err *err)
{
    const size_t begin = lexer->pos + 1;
    const int quote = lexer->source.data[lexer->pos];
    size_t end = begin;
    while (end < lexer->source.n && lexer->source.data[end] != quote)
        end += lexer->source.data[end] == '\\' ? 2 : 1;
    if (end >= lexer->source.n)
        return lexer_fail(lexer, lexer->pos, "string without its end", err);
    out->kind = MOE__LEXEME_STRING;
    out->text = moe__slice_of(lexer->source.data + begin, end - begin);
    lexer->pos = end + 1;
    return MOE_OK;
}

/* Brackets hide the end of a tag, as in {{ {'a': {}} }}. */
static moe_status lexer_bracket(struct moe__lexer *lexer, char sign,
                                struct moe__err *err)
{
    static const char opening[] = "([{", closing[] = ")]}";
    const char *close = strchr(closing, sign);
    if (strchr(opening, sign) != NULL) {
        if (lexer->n_brackets == MOE__LEXER_BRACKETS)
            return lexer_fail(lexer, lexer->pos, "too many open brackets", err);
        lexer->brackets[lexer->n_brackets++] = sign;
    } else if (close != NULL) {
        if (lexer->n_brackets == 0 ||
            lexer->brackets[lexer->n_brackets - 1] != opening[close - closing])
            return lexer_fail(lexer, lexer->pos, "a bracket closes no other",
                              err);
        lexer->n_brackets--;
    }
    return MOE_OK;
}

static moe_status lexer_sign(struct moe__lexer *lexer, struct moe__lexeme *out,
                             struct moe__err *err)
{
    /* The longer ones first. */
    static const char *const signs[] = {
        "**", "//", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "<",
        ">",  "=",  "(",  ")",  "[",  "]",  "{", "}", ".", ",", ":", "|"};
    for (size_t i = 0; i < MOE__COUNT(signs); i++) {
        if (!lexer_sees(lexer, lexer->pos, signs[i]))
            continue;
        MOE__TRY(lexer_bracket(lexer, signs[i][0], err));
        out->kind = MOE__LEXEME_SIGN;
        out->text = moe__slice_str(signs[i]);
        lexer->pos += out->text.n;
        return MOE_OK;
    }
    return lexer_fail(lexer, lexer->pos, "a character that means nothing here",
                      err);
}

static moe_status lexer_inside(struct moe__lexer *lexer,
                               struct moe__lexeme *out, struct moe__err *err)
{
    lexer->pos = lexer_skip_space(lexer, lexer->pos);
    lexer_place(lexer, lexer->pos, out);
    const int first = lexer_byte(lexer, lexer->pos);
    if (first < 0)
        return lexer_fail(lexer, lexer->pos, "the template ends inside a tag",
                          err);
    if (lexer_tag_end(lexer, out))
        return MOE_OK;
    if (lexer_is_digit(first))
        return lexer_number(lexer, out, err);
    if (first == '"' || first == '\'')
        return lexer_quoted(lexer, out, err);
    if (!lexer_is_word(first))
        return lexer_sign(lexer, out, err);
    const size_t begin = lexer->pos;
    while (lexer_is_word(lexer_byte(lexer, lexer->pos)))
        lexer->pos++;
    out->kind = MOE__LEXEME_NAME;
    out->text = moe__slice_of(lexer->source.data + begin, lexer->pos - begin);
    return MOE_OK;
}

moe_status moe__lexer_next(struct moe__lexer *lexer, struct moe__lexeme *out,
                           struct moe__err *err)
{
    do {
        if (lexer->has_pending) {
            *out = lexer->pending;
            lexer->has_pending = false;
        } else if (lexer->inside != MOE__LEXEME_TEXT) {
            return lexer_inside(lexer, out, err);
        } else if (lexer->pos == lexer->source.n) {
            out->kind = MOE__LEXEME_END;
            out->text = moe__slice_str("");
            lexer_place(lexer, lexer->pos, out);
            return MOE_OK;
        } else {
            MOE__TRY(lexer_outside(lexer, out, err));
        }
    } while (out->kind == MOE__LEXEME_TEXT && out->text.n == 0);
    return MOE_OK;
}
