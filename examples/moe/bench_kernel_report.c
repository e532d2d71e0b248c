/* bench_kernel_report.c: rows of `moe bench --kernels`, printed as they come.
 */
#include "bench.h"

#include <string.h>

static bool has_kernel_rows; /* JSON puts a comma in front of all but one */

void kernel_print_start(const char *format)
{
    has_kernel_rows = false;
    if (strcmp(format, "json") == 0)
        printf("{\"version\": \"%s\", \"rows\": [", moe_version());
    else if (strcmp(format, "csv") == 0)
        puts("type,backend,family,rows,cols,tokens,is_chosen,seconds,"
             "read_bytes_per_second,share_of_reader,macs_per_cycle,"
             "share_of_loop");
    else
        puts(
            "A: kernels for few tokens, C: by panels of expanded rows; *: what "
            "the library takes.\nShares: of a bare reader, of a bare "
            "multiply-add loop. One thread.\n\n"
            "| type | backend | rows x cols | tokens | family | time | GB/s | "
            "of reader | MAC/cycle | of loop |\n"
            "|---|---|---|--:|---|--:|--:|--:|--:|--:|");
}

static void print_kernel_md(const struct kernel_row *row)
{
    printf("| %s | %s | %d x %d | %d | %c%s | %.3f ms | %.2f |", row->type,
           row->backend, row->n_rows, row->n_cols, row->n_tokens, row->family,
           row->is_chosen ? " *" : "", row->seconds * 1e3,
           row->read_rate / 1e9);
    if (row->read_share > 0)
        printf(" %.1f %% |", row->read_share * 100);
    else
        fputs(" |", stdout);
    printf(" %.2f | %.1f %% |\n", row->macs_per_cycle, row->mac_share * 100);
}

static void print_kernel_json(const struct kernel_row *row)
{
    printf("%s\n{\"type\": \"%s\", \"backend\": \"%s\", \"family\": \"%c\", "
           "\"rows\": %d, \"cols\": %d, \"tokens\": %d, \"is_chosen\": %s, "
           "\"seconds\": %.9f, \"read_bytes_per_second\": %.0f, "
           "\"share_of_reader\": %.4f, \"macs_per_cycle\": %.3f, "
           "\"share_of_loop\": %.4f}",
           has_kernel_rows ? "," : "", row->type, row->backend, row->family,
           row->n_rows, row->n_cols, row->n_tokens,
           row->is_chosen ? "true" : "false", row->seconds, row->read_rate,
           row->read_share, row->macs_per_cycle, row->mac_share);
}

void kernel_print_row(const char *format, const struct kernel_row *row)
{
    if (strcmp(format, "json") == 0)
        print_kernel_json(row);
    else if (strcmp(format, "csv") == 0)
        printf("%s,%s,%c,%d,%d,%d,%d,%.9f,%.0f,%.4f,%.3f,%.4f\n", row->type,
               row->backend, row->family, row->n_rows, row->n_cols,
               row->n_tokens, (int)row->is_chosen, row->seconds, row->read_rate,
               row->read_share, row->macs_per_cycle, row->mac_share);
    else
        print_kernel_md(row);
    has_kernel_rows = true;
    fflush(stdout);
}

void kernel_print_end(const char *format)
{
    if (strcmp(format, "json") == 0)
        puts("\n]}");
}
