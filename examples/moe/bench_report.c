/* bench_report.c: the table of `moe bench` as Markdown, CSV or JSON. */
#include "bench.h"

#include <errno.h>
#include <string.h>

static void print_limits_md(const struct bench *bench)
{
    printf("| threads | reads %s | 8-bit multiply-adds, %s |\n"
           "|--:|--:|--:|\n",
           bench->source, bench->backend);
    for (int32_t i = 0; i < bench->n_limits; i++)
        printf("| %d | %.1f GB/s | %.1f G/s |\n", bench->limits[i].n_threads,
               bench->limits[i].read_rate / 1e9,
               bench->limits[i].mac_rate / 1e9);
}

/* Multiply-adds in a cycle of one thread's processor; 0: not known. */
static double loop_cycle_rate(const struct bench *bench, int32_t loop,
                              int32_t limit)
{
    double cycles = bench->hertz * bench->limits[limit].n_threads;
    return cycles > 0 ? bench->loop_rates[loop][limit] / cycles : 0;
}

static void print_loops_md(const struct bench *bench)
{
    printf("\nThe clock: %.2f GHz\n\n| multiply-add loop | backend |",
           bench->hertz / 1e9);
    for (int32_t t = 0; t < bench->n_limits; t++)
        printf(" %d thread%s | a cycle |", bench->limits[t].n_threads,
               bench->limits[t].n_threads > 1 ? "s" : "");
    fputs("\n|---|---|", stdout);
    for (int32_t t = 0; t < bench->n_limits; t++)
        fputs("--:|--:|", stdout);
    putchar('\n');
    for (int32_t i = 0; i < n_mac_loops; i++) {
        const char *reason = mac_loop_reason(&mac_loops[i]);
        printf("| %s | %s%s%s |", mac_loops[i].name, mac_loops[i].backend,
               *reason ? ", not here: " : "", reason);
        for (int32_t t = 0; t < bench->n_limits; t++) {
            if (*reason != 0)
                fputs(" | |", stdout);
            else
                printf(" %.1f G/s | %.1f |", bench->loop_rates[i][t] / 1e9,
                       loop_cycle_rate(bench, i, t));
        }
        putchar('\n');
    }
}

static void print_rows_md(const struct bench *bench)
{
    bool has_old = bench->options->compare != NULL;
    printf("\n| test | threads | tokens/s | min | max | first token | peak "
           "memory | share of limit |%s\n"
           "|---|--:|--:|--:|--:|--:|--:|--:|%s\n",
           has_old ? " before | change |" : "", has_old ? "--:|--:|" : "");
    for (int32_t i = 0; i < bench->n_rows; i++) {
        const struct bench_row *row = &bench->rows[i];
        printf("| %s | %d | %.2f | %.2f | %.2f | %.1f ms | %s | %.1f %% of %s "
               "|",
               row->name, row->n_threads, row->median, row->least, row->most,
               row->first_seconds * 1e3, show_bytes(row->peak_bytes),
               row->share * 100, row->is_prompt ? "multiply-adds" : "reading");
        if (has_old && row->old_rate > 0)
            printf(" %.2f | %+.1f %% |", row->old_rate,
                   (row->median / row->old_rate - 1) * 100);
        else if (has_old)
            printf(" | |");
        putchar('\n');
    }
}

static void print_md(const struct bench *bench)
{
    if (bench->session != NULL)
        printf("%s, %s, %s, %s, moe %s\n\n", bench->session->info.name,
               bench->session->info.weight_type,
               show_bytes(bench->session->info.file_bytes), bench->backend,
               moe_version());
    print_limits_md(bench);
    if (bench->session != NULL)
        print_rows_md(bench);
    else
        print_loops_md(bench);
}

static void print_csv(const struct bench *bench)
{
    if (bench->session == NULL) {
        puts("limit,threads,per_second,per_cycle");
        for (int32_t t = 0; t < bench->n_limits; t++)
            printf("read,%d,%.0f,\n", bench->limits[t].n_threads,
                   bench->limits[t].read_rate);
        for (int32_t i = 0; i < n_mac_loops; i++)
            for (int32_t t = 0; t < bench->n_limits; t++)
                if (bench->loop_rates[i][t] > 0)
                    printf("\"%s\",%d,%.0f,%.2f\n", mac_loops[i].name,
                           bench->limits[t].n_threads, bench->loop_rates[i][t],
                           loop_cycle_rate(bench, i, t));
        return;
    }
    puts("test,threads,tokens_per_second,min,max,first_token_seconds,"
         "peak_bytes,share,before");
    for (int32_t i = 0; i < bench->n_rows; i++) {
        const struct bench_row *row = &bench->rows[i];
        printf("%s,%d,%.3f,%.3f,%.3f,%.6f,%llu,%.4f,", row->name,
               row->n_threads, row->median, row->least, row->most,
               row->first_seconds, (unsigned long long)row->peak_bytes,
               row->share);
        if (row->old_rate > 0)
            printf("%.3f", row->old_rate);
        putchar('\n');
    }
}

static void print_row_json(const struct bench_row *row)
{
    printf("{\"test\": \"%s\", \"threads\": %d, \"n\": %d, \"depth\": %d, "
           "\"tokens_per_second\": %.4f, \"min\": %.4f, \"max\": %.4f, "
           "\"first_token_seconds\": %.6f, \"peak_bytes\": %llu, "
           "\"cpu_seconds_per_token\": %.6f, "
           "\"share\": %.5f, \"share_of\": \"%s\"",
           row->name, row->n_threads, row->n, row->depth, row->median,
           row->least, row->most, row->first_seconds,
           (unsigned long long)row->peak_bytes, row->cpu_seconds, row->share,
           row->is_prompt ? "mac_rate" : "read_rate");
    if (row->old_rate > 0)
        printf(", \"before\": %.4f", row->old_rate);
    putchar('}');
}

static void print_loops_json(const struct bench *bench)
{
    printf(", \"hertz\": %.0f, \"loops\": [", bench->hertz);
    for (int32_t i = 0; i < n_mac_loops; i++) {
        const char *reason = mac_loop_reason(&mac_loops[i]);
        printf("%s{\"name\": \"%s\", \"backend\": \"%s\", "
               "\"available\": %s, \"reason\": ",
               i > 0 ? ", " : "", mac_loops[i].name, mac_loops[i].backend,
               *reason ? "false" : "true");
        json_string(stdout, reason);
        fputs(", \"rates\": [", stdout);
        for (int32_t t = 0; t < bench->n_limits && *reason == 0; t++)
            printf("%s{\"threads\": %d, \"macs_per_second\": %.0f, "
                   "\"macs_per_cycle\": %.3f}",
                   t > 0 ? ", " : "", bench->limits[t].n_threads,
                   bench->loop_rates[i][t], loop_cycle_rate(bench, i, t));
        fputs("]}", stdout);
    }
    putchar(']');
}

static void print_json(const struct bench *bench)
{
    printf("{\"version\": \"%s\", \"backend\": \"%s\", \"reads\": \"%s\", "
           "\"reads_bytes\": %zu, \"limits\": [",
           moe_version(), bench->backend, bench->source, bench->source_bytes);
    for (int32_t i = 0; i < bench->n_limits; i++)
        printf("%s{\"threads\": %d, \"read_bytes_per_second\": %.0f, "
               "\"macs_per_second\": %.0f}",
               i > 0 ? ", " : "", bench->limits[i].n_threads,
               bench->limits[i].read_rate, bench->limits[i].mac_rate);
    putchar(']');
    if (bench->session != NULL) {
        fputs(", \"model\": ", stdout);
        json_string(stdout, bench->session->info.name);
        printf(", \"weight_type\": \"%s\", \"file_bytes\": %llu, "
               "\"load_seconds\": %.6f, \"repeats\": %d, \"rows\": [",
               bench->session->info.weight_type,
               (unsigned long long)bench->session->info.file_bytes,
               bench->load_seconds, bench->options->n_repeats);
        for (int32_t i = 0; i < bench->n_rows; i++) {
            fputs(i > 0 ? ", " : "", stdout);
            print_row_json(&bench->rows[i]);
        }
        putchar(']');
    } else {
        print_loops_json(bench);
    }
    fputs("}\n", stdout);
}

const char *bench_format(const struct options *options)
{
    if (options->is_json)
        return "json";
    return options->format != NULL ? options->format : "md";
}

void bench_print(const struct bench *bench)
{
    const char *format = bench_format(bench->options);
    if (strcmp(format, "json") == 0)
        print_json(bench);
    else if (strcmp(format, "csv") == 0)
        print_csv(bench);
    else
        print_md(bench);
}

static void take_old_row(struct bench *bench, struct json *json)
{
    struct buffer key = {0};
    struct buffer test = {0};
    double threads = 0;
    double rate = 0;
    buffer_put(&test, "", 0);
    json_enter(json, '{');
    while (json_next(json, '{') && json_key(json, &key)) {
        if (strcmp(key.data, "test") == 0)
            json_get_text(json, &test);
        else if (strcmp(key.data, "threads") == 0)
            json_get_number(json, &threads);
        else if (strcmp(key.data, "tokens_per_second") == 0)
            json_get_number(json, &rate);
        else
            json_skip(json);
    }
    for (int32_t i = 0; i < bench->n_rows && !json->is_bad; i++) {
        struct bench_row *row = &bench->rows[i];
        if (strcmp(row->name, test.data) == 0 &&
            (double)row->n_threads == threads)
            row->old_rate = rate;
    }
    buffer_free(&key);
    buffer_free(&test);
}

int bench_compare(struct bench *bench, const char *path)
{
    struct buffer file = {0};
    struct buffer key = {0};
    if (!buffer_load(&file, path)) {
        buffer_free(&file);
        return fail(CODE_FAILED, "%s: %s", path, strerror(errno));
    }
    struct json json = json_open(file.data, file.n);
    json_enter(&json, '{');
    while (json_next(&json, '{') && json_key(&json, &key)) {
        if (strcmp(key.data, "rows") != 0) {
            json_skip(&json);
            continue;
        }
        json_enter(&json, '[');
        while (json_next(&json, '['))
            take_old_row(bench, &json);
    }
    bool is_bad = json.is_bad;
    buffer_free(&file);
    buffer_free(&key);
    return is_bad ? fail(CODE_FAILED,
                         "%s: expected what moe bench -o json prints", path)
                  : CODE_DONE;
}
