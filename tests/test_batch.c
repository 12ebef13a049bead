/* test_batch.c - tests which inputs a command line means, how they are read, and that they leave the pipeline in
 * order. */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "batch/input.h"
#include "batch/list.h"
#include "batch/pipeline.h"
#include "test.h"

/* ---- files ----------------------------------------------------------------------------------------------------- */

static const char jpeg[] = "\xff\xd8\xff\xe0 the rest of a picture", png[] = "\x89PNG\r\n\x1a\n and more";

static bool put_socket(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0) return false;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    bool bound = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return bound;
}

static bool make_tree(void) {
    bool made = mkdir("d", 0777) == 0 && mkdir("d/b", 0777) == 0 && mkdir("d/b/deep", 0777) == 0 &&
                mkdir("d/e.jpg", 0777) == 0 && mkdir("empty", 0777) == 0 && mkdir("d/.dark", 0777) == 0;
    static const char *const images[] = {"d/b.jpg",   "d/a.JPEG",       "d/c.jpe",       "d/d.Jfif", "d/Z.PNG",
                                         "d/b/x.jpg", "d/b/deep/y.png", "d/e.jpg/i.jpg", "d/.h.jpg", "d/.dark/j.jpg"};
    for (size_t i = 0; i < sizeof images / sizeof images[0]; i++) test_put_text(images[i], jpeg);
    test_put_text("d/plainjpeg", jpeg);
    test_put_text("d/plainpng", png);
    test_put_text("d/notes.txt", "no image");
    test_put_text("d/wrong.jpg", "no image either");
    test_put_text("d/zero.jpg", "");
    test_put_text("d/zero", "");
    made = made && mkfifo("d/f.jpg", 0666) == 0 && mkfifo("d/fifo", 0666) == 0 && put_socket("d/s.png");
    made = made && symlink("nowhere", "d/l1.jpg") == 0 && symlink("nowhere", "d/l2") == 0;
    return made && symlink("b", "d/m.jpg") == 0 && symlink("b.jpg", "d/n.jpg") == 0 && symlink("..", "d/up") == 0;
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

/* Writes all inputs of a list as "a b! c"; an exclamation mark stands after an input that cannot be read. */
static void walk(cvt_str *out, const cvt_list_options *options) {
    cvt_list *list = NULL;
    cvt_error error, problem = {0};
    cvt_str path = {0};
    if (cvt_list_new(&list, options, &error) != CVT_OK) {
        cvt_str_print(out, "[%s]", error.message);
        return;
    }
    while (cvt_list_next(list, &path, &problem))
        cvt_str_print(out, "%s%s%s", out->size ? " " : "", path.data, problem.status == CVT_OK ? "" : "!");
    if (cvt_list_trouble(list)->status != CVT_OK) cvt_str_print(out, "[%s]", cvt_list_trouble(list)->message);
    cvt_str_free(&path);
    cvt_list_free(list);
}

static void list_case(const char *name, const cvt_list_options *options, const char *want) {
    cvt_str got = {0};
    walk(&got, options);
    const char *text = got.data ? got.data : "";
    test_case(strcmp(text, want) == 0, name, "got %s, want %s", text, want);
    cvt_str_free(&got);
}

#define PATHS(...) \
    .paths = (const char *const[]){__VA_ARGS__}, .n_paths = sizeof(const char *[]){__VA_ARGS__} / sizeof(char *)

#define LISTS(...) \
    .lists = (const char *const[]){__VA_ARGS__}, .n_lists = sizeof(const char *[]){__VA_ARGS__} / sizeof(char *)

static void directories(void) {
    list_case(
        "a directory", &(cvt_list_options){PATHS("d"), .wake = -1},
        "d/Z.PNG d/a.JPEG d/b.jpg d/c.jpe d/d.Jfif d/f.jpg d/l1.jpg d/n.jpg d/plainjpeg d/plainpng d/s.png d/wrong.jpg "
        "d/zero.jpg");
    list_case(
        "a tree", &(cvt_list_options){PATHS("d"), .recursive = true, .wake = -1},
        "d/Z.PNG d/a.JPEG d/b.jpg d/b/deep/y.png d/b/x.jpg d/c.jpe d/d.Jfif d/e.jpg/i.jpg d/f.jpg d/l1.jpg d/n.jpg "
        "d/plainjpeg d/plainpng d/s.png d/wrong.jpg d/zero.jpg");
    list_case("with a slash, a link", &(cvt_list_options){PATHS("d/b/", "d/m.jpg"), .wake = -1},
              "d/b/x.jpg d/m.jpg/x.jpg");
    list_case("an empty directory", &(cvt_list_options){PATHS("empty"), .wake = -1}, "");
    list_case("nothing", &(cvt_list_options){.wake = -1}, "");
    list_case("operands are inputs",
              &(cvt_list_options){PATHS("d/notes.txt", "d/.h.jpg", "d/fifo", "gone", ""), .wake = -1},
              "d/notes.txt d/.h.jpg d/fifo gone ");
    list_case("standard input once", &(cvt_list_options){PATHS("-", "-", "./-"), .wake = -1}, "- -! ./-");
    test_case(cvt_list_count(&(cvt_list_options){PATHS("x", "-", "d/b.jpg")}) == 3, "operands are counted",
              "they are not");
    test_case(cvt_list_count(&(cvt_list_options){PATHS("x", "d")}) == 0, "directories are not counted", "they are");
    if (geteuid() == 0) {
        printf("skip a closed directory: root may read it\n");
    } else {
        chmod("d/b", 0);
        list_case("a closed directory", &(cvt_list_options){PATHS("d/b", "d/c.jpe"), .wake = -1}, "d/b! d/c.jpe");
        chmod("d/b", 0777);
    }
}

static void names(void) {
    test_put_text("lines", "x y\n\nd/b\nlast");
    list_case("a list of lines", &(cvt_list_options){PATHS("first"), LISTS("lines"), .wake = -1},
              "first x y d/b/x.jpg last");
    test_put("nul", "a\nb\0\0c", 6);
    list_case("a list with NUL", &(cvt_list_options){LISTS("nul"), .nul = true, .wake = -1}, "a\nb c");
    list_case("a NUL in a line", &(cvt_list_options){LISTS("nul"), .wake = -1}, "a b!");
    list_case("no list", &(cvt_list_options){LISTS("gone"), .wake = -1}, "[gone: No such file or directory]");
    list_case("a directory as list", &(cvt_list_options){LISTS("d"), .wake = -1}, "[d: Is a directory]");
    list_case("two lists", &(cvt_list_options){LISTS("lines", "nul"), .wake = -1}, "x y d/b/x.jpg last a b!");
    test_put_text("windows", "\xef\xbb\xbf"
                             "d/b.jpg\r\n\r\nd/c.jpe\r\n");
    list_case("a list from Windows", &(cvt_list_options){LISTS("windows"), .wake = -1}, "d/b.jpg d/c.jpe");
    test_put_text("cr\r", "");
    test_put_text("lines with CR", "cr\r\ngone\r\n");
    list_case("a name that does end with CR", &(cvt_list_options){LISTS("lines with CR"), .wake = -1}, "cr\r gone");
    test_put("utf16",
             "\xff\xfe"
             "d\0\n\0",
             6);
    list_case("a list in UTF-16", &(cvt_list_options){LISTS("utf16"), .wake = -1},
              "[utf16: a list in UTF-16: save it as UTF-8]");
    test_put("utf16be", "\0d\0/\0b\0\n", 8);
    list_case("a list in UTF-16 without a mark", &(cvt_list_options){LISTS("utf16be"), .wake = -1},
              "[utf16be: a list in UTF-16: save it as UTF-8]");

    size_t n = 3 << 20;
    char *endless = malloc(n + 1);
    if (!endless) abort();
    memset(endless, 'x', n);
    memcpy(endless + n - 2, "\nz", 3);
    test_put_text("endless", endless);
    free(endless);
    cvt_list *list = NULL;
    cvt_error error, problem = {0};
    cvt_str path = {0};
    bool good = cvt_list_new(&list, &(cvt_list_options){LISTS("endless"), .wake = -1}, &error) == CVT_OK;
    good = good && cvt_list_next(list, &path, &problem);
    test_case(good && path.size > 4096 && path.size < 1 << 20, "an endless name is cut", "it is %zu bytes", path.size);
    good = good && cvt_list_next(list, &path, &problem);
    test_case(good && strcmp(path.data, "z") == 0, "and the next one found", "it is %s", path.data ? path.data : "");
    cvt_str_free(&path);
    cvt_list_free(list);
}

/* ---- bytes ----------------------------------------------------------------------------------------------------- */

static void input_case(const char *name, const char *path, cvt_status want, size_t size) {
    cvt_input input = {0};
    cvt_error error = {0};
    cvt_status got = cvt_input_read(&input, path, false, -1, &error);
    test_case(got == want && input.size == size && (got == CVT_OK || error.message[0]), name,
              "status %d, %zu bytes, %s", got, input.size, error.message);
    free(input.data);
}

static void inputs(void) {
    input_case("read a file", "d/b.jpg", CVT_OK, strlen(jpeg));
    input_case("read an empty file", "d/zero", CVT_OK, 0);
    input_case("read a FIFO", "d/fifo", CVT_UNREADABLE, 0);
    input_case("read a socket", "d/s.png", CVT_UNREADABLE, 0);
    input_case("read a device", "/dev/zero", CVT_UNREADABLE, 0);
    input_case("read a directory", "d", CVT_UNREADABLE, 0);
    input_case("read nothing", "gone", CVT_NOT_FOUND, 0);
    input_case("read a dangling link", "d/l1.jpg", CVT_NOT_FOUND, 0);
    input_case("read below a file", "d/b.jpg/x", CVT_NOT_FOUND, 0);

    size_t n = 1 << 20;
    char *large = calloc(n, 1);
    if (!large) abort();
    test_put("large", large, n);
    for (size_t i = 0; i < n; i++) large[i] = (char)(i * 7 / 3);
    memcpy(large, png, strlen(png));
    test_put("large.png", large, n);
    cvt_input input = {0};
    cvt_error error = {0};
    cvt_input_read(&input, "large.png", false, -1, &error);
    test_case(input.size == n && memcmp(input.data, large, n) == 0, "read a large file", "%zu bytes, or others",
              input.size);
    cvt_input_read(&input, "large", false, -1, &error);
    test_case(input.size > 8 && input.size < n, "what is no image is not read to its end", "%zu bytes", input.size);
    free(input.data);
    free(large);
}

/* Puts a pipe in the place of standard input. Returns its other end. */
static int pipe_to_stdin(void) {
    int ends[2];
    if (pipe(ends) != 0 || dup2(ends[0], STDIN_FILENO) < 0) return -1;
    close(ends[0]);
    return ends[1];
}

static void standard_input(void) {
    int feed = pipe_to_stdin(), wake[2];
    if (feed < 0 || pipe(wake) != 0) abort();
    cvt_input input = {0};
    cvt_error error = {0};
    ssize_t n = write(feed, jpeg, strlen(jpeg));
    close(feed);
    cvt_status status = cvt_input_read(&input, "-", false, wake[0], &error);
    test_case(status == CVT_OK && (ssize_t)input.size == n && memcmp(input.data, jpeg, (size_t)n) == 0,
              "read standard input", "status %d, %zu bytes", status, input.size);

    feed = pipe_to_stdin();
    n = write(feed, "one\ntw", 6);
    cvt_list *list = NULL;
    cvt_str path = {0};
    status = cvt_list_new(&list, &(cvt_list_options){LISTS("-"), .wake = wake[0]}, &error);
    bool more = status == CVT_OK && cvt_list_next(list, &path, &error);
    test_case(more && strcmp(path.data, "one") == 0, "a name is there before the list ends", "status %d", status);
    close(wake[1]);
    while (more && cvt_list_next(list, &path, &error)) continue;
    test_case(error.status == CVT_OK, "waking ends a list that waits", "%s", error.message);
    status = cvt_input_read(&input, "-", false, wake[0], &error);
    test_case(status == CVT_UNREADABLE, "waking ends an image that waits", "status %d", status);
    cvt_list_free(list);
    cvt_str_free(&path);
    close(wake[0]);
    close(feed);
    free(input.data);
}

/* ---- the pipeline ---------------------------------------------------------------------------------------------- */

enum { NEVER = 1 << 30 };

/* Numbers go in; those divisible by 7 fail in decode, the others are tripled by forward. */
typedef struct work {
    int count, stop_at, stop_after_ticks; /* write ends the run at stop_at, tick after so many */
    int batch;
    int given;
    atomic_int inside_next, busy, max_busy, forwarded, largest_batch, wakes;
    int written, ticks;
    bool wrong;   /* a number came out of order, or with a wrong value */
    int block[2]; /* a pipe in which `next` waits after the last number, or -1 */
} work;

typedef struct item {
    int number, result;
} item;

/* Waits up to a third of a millisecond, a different time for every number. */
static void dawdle(int number, unsigned salt) {
    uint32_t x = (uint32_t)number * 2654435761u ^ salt * 40503u;
    x ^= x >> 15;
    nanosleep(&(struct timespec){.tv_nsec = (long)(x % 4 == 0 ? x % 300000 : 0)}, NULL);
}

static void raise_to(atomic_int *most, int value) {
    int seen = atomic_load(most);
    while (seen < value && !atomic_compare_exchange_weak(most, &seen, value)) continue;
}

static bool next_number(void *context, int decoder, void *slot) {
    (void)decoder;
    work *w = context;
    item *it = slot;
    if (atomic_fetch_add(&w->inside_next, 1) != 0) w->wrong = true;
    bool more = w->given < w->count;
    if (more) {
        *it = (item){.number = w->given++};
        raise_to(&w->max_busy, atomic_fetch_add(&w->busy, 1) + 1);
    } else if (w->block[0] >= 0) {
        char byte;
        while (read(w->block[0], &byte, 1) < 0 && errno == EINTR) continue;
    }
    atomic_fetch_sub(&w->inside_next, 1);
    return more;
}

static bool decode_number(void *context, int decoder, void *slot) {
    work *w = context;
    item *it = slot;
    (void)decoder;
    dawdle(it->number, 1);
    it->result = -1;
    bool good = it->number % 7 != 0;
    if (!good) atomic_fetch_sub(&w->busy, 1);
    return good;
}

static void forward_numbers(void *context, int worker, void *const *slots, int n) {
    work *w = context;
    (void)worker;
    raise_to(&w->largest_batch, n);
    dawdle(((item *)slots[0])->number, 2);
    for (int i = 0; i < n; i++) ((item *)slots[i])->result = 3 * ((item *)slots[i])->number;
    atomic_fetch_add(&w->forwarded, n);
    atomic_fetch_sub(&w->busy, n);
}

static bool write_number(void *context, void *slot) {
    work *w = context;
    const item *it = slot;
    int want = it->number % 7 == 0 ? -1 : 3 * it->number;
    if (it->number != w->written || it->result != want) w->wrong = true;
    return ++w->written <= w->stop_at;
}

static bool count_tick(void *context) {
    work *w = context;
    return ++w->ticks <= w->stop_after_ticks;
}

static void wake_next(void *context) {
    work *w = context;
    atomic_fetch_add(&w->wakes, 1);
    if (w->block[1] >= 0) close(w->block[1]);
    w->block[1] = -1;
}

static const cvt_stages stages = {next_number, decode_number, forward_numbers, write_number, count_tick, wake_next};

static bool run_pipeline(work *w, int decoders, int workers, size_t n_slots, size_t busy) {
    cvt_pipeline_sizes sizes = {.decoders = decoders,
                                .workers = workers,
                                .batch = w->batch,
                                .n_slots = n_slots,
                                .busy = busy,
                                .slot_size = sizeof(item)};
    cvt_pipeline *pipeline = NULL;
    cvt_error error;
    if (cvt_pipeline_start(&pipeline, &sizes, &stages, w, &error) != CVT_OK) return false;
    cvt_status status = cvt_pipeline_run(pipeline, &error);
    cvt_pipeline_free(pipeline, NULL);
    return status == CVT_OK;
}

static void order(void) {
    static const int shapes[][5] = {/* decoders, workers, batch, slots, busy */
                                    {1, 1, 1, 1, 1}, {1, 1, 1, 2, 2},    {4, 1, 1, 40, 3}, {1, 4, 2, 16, 16},
                                    {3, 3, 3, 8, 8}, {2, 2, 5, 300, 40}, {8, 8, 1, 64, 24}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        const int *s = shapes[i];
        work w = {.count = 500, .stop_at = NEVER, .stop_after_ticks = NEVER, .batch = s[2], .block = {-1, -1}};
        char name[80];
        snprintf(name, sizeof name, "order: %d decoders, %d workers, batch %d, slots %d, busy %d", s[0], s[1], s[2],
                 s[3], s[4]);
        bool ran = run_pipeline(&w, s[0], s[1], (size_t)s[3], (size_t)s[4]);
        test_case(ran && !w.wrong && w.written == 500 && w.forwarded == 500 - 72 && w.max_busy <= s[4] &&
                      w.largest_batch <= s[2],
                  name, "wrong %d, written %d, forwarded %d, busy %d, batch %d", w.wrong, w.written, w.forwarded,
                  w.max_busy, w.largest_batch);
    }
    work none = {.stop_at = NEVER, .stop_after_ticks = NEVER, .batch = 2, .block = {-1, -1}};
    test_case(run_pipeline(&none, 2, 2, 4, 4) && none.written == 0, "order: no inputs", "%d written", none.written);
}

static void early_ends(void) {
    work w = {.count = NEVER, .stop_at = 100, .stop_after_ticks = NEVER, .batch = 2, .block = {-1, -1}};
    bool ran = run_pipeline(&w, 3, 3, 50, 12);
    test_case(ran && !w.wrong && w.written == 101 && w.wakes == 1, "a failed write ends an endless run",
              "wrong %d, written %d", w.wrong, w.written);

    work ticked = {.count = NEVER, .stop_at = NEVER, .stop_after_ticks = 3, .batch = 2, .block = {-1, -1}};
    ran = run_pipeline(&ticked, 3, 3, 50, 12);
    test_case(ran && !ticked.wrong && ticked.written > 0, "a tick ends an endless run", "wrong %d, written %d",
              ticked.wrong, ticked.written);

    work waiting = {.count = 20, .stop_at = NEVER, .stop_after_ticks = 3, .batch = 2};
    if (pipe(waiting.block) != 0) abort();
    ran = run_pipeline(&waiting, 3, 3, 50, 12);
    test_case(ran && !waiting.wrong && waiting.written == 20, "what is known is written while next waits",
              "wrong %d, written %d", waiting.wrong, waiting.written);
    close(waiting.block[0]);

    cvt_pipeline *unused = NULL;
    cvt_error error;
    work w2 = {.count = NEVER, .batch = 1, .block = {-1, -1}};
    cvt_pipeline_sizes sizes = {
        .decoders = 2, .workers = 2, .batch = 1, .n_slots = 4, .busy = 4, .slot_size = sizeof(item)};
    cvt_status status = cvt_pipeline_start(&unused, &sizes, &stages, &w2, &error);
    cvt_pipeline_free(unused, NULL);
    test_case(status == CVT_OK && w2.written == 0, "a pipeline may be freed without a run", "%d written", w2.written);
}

int main(void) {
    char folder[] = "/tmp/cvt-batch-XXXXXX", command[64];
    if (!mkdtemp(folder) || chdir(folder) != 0) return 1;
    if (test_case(make_tree(), "a tree can be made", "errno %d", errno)) {
        directories();
        names();
        inputs();
        standard_input();
    }
    order();
    early_ends();
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0) printf("# %s is left behind\n", folder);
    return test_end();
}
