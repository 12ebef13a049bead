/* test_team.c - tests teams of threads, how they wait for each other, and that many threads may use one model: each
 * with a session and an image of its own, some of these sessions with a team, give the same bytes as one. check.sh runs
 * it under ThreadSanitizer too, where the teams are the same POSIX threads as everywhere. */
#include "base/team.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/waiting.h"
#include "cvt.h"
#include "test.h"

/* ---- teams ----------------------------------------------------------------------------------------------------- */

enum { MOST = 1000 };

typedef struct counts {
    int plain[MOST]; /* written by one thread each, and read after the round */
    atomic_int threads;
} counts;

static void count_one(void *context, size_t i) {
    counts *c = context;
    c->plain[i]++;
}

static void count_thread(void *context, int thread) {
    counts *c = context;
    atomic_fetch_add(&c->threads, 1 << (4 * thread));
}

static void test_teams(void) {
    static const size_t sizes[] = {0, 1, 2, 3, 7, 64, 999, 1000}, grains[] = {0, 1, 8, 5000};
    int wrong = 0, rounds = 0;
    for (int threads = 1; threads <= 5; threads++) {
        cvt_team *team = cvt_team_new(threads);
        if (cvt_team_size(team) != threads) wrong++;
        counts c = {.threads = 0};
        cvt_team_run(team, count_thread, &c);
        if (atomic_load(&c.threads) != 0x11111 >> (4 * (5 - threads))) wrong++;
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (size_t g = 0; g < sizeof grains / sizeof *grains; g++, rounds++) {
                memset(c.plain, 0, sizeof c.plain);
                cvt_team_each(team, sizes[s], grains[g], count_one, &c);
                for (size_t i = 0; i < MOST; i++) wrong += c.plain[i] != (i < sizes[s]);
            }
        cvt_team_free(team);
    }
    test_case(wrong == 0 && rounds == 160, "a team does everything once", "%d of %d are wrong", wrong, rounds);
    counts alone = {.threads = 0};
    cvt_team_each(NULL, 10, 0, count_one, &alone);
    test_case(alone.plain[9] == 1 && cvt_team_size(NULL) == 1, "no team is one thread", "it is not");
    cvt_team_free(NULL);
}

/* ---- waiting --------------------------------------------------------------------------------------------------- */

enum { WAITERS = 4, MEETINGS = 500 };

/* Threads that meet again and again; each reads then what the others wrote before. */
typedef struct meetings {
    cvt_waiting waiting;
    atomic_int counts[MEETINGS];
    int written[WAITERS][MEETINGS];
    atomic_int wrong;
} meetings;

static void meet(void *context, int thread) {
    meetings *m = context;
    for (int i = 0; i < MEETINGS; i++) {
        m->written[thread][i] = i + 1;
        cvt_waiting_count(&m->waiting, &m->counts[i], 1, WAITERS);
        cvt_waiting_for(&m->waiting, &m->counts[i], WAITERS);
        for (int t = 0; t < WAITERS; t++) atomic_fetch_add(&m->wrong, m->written[t][i] != i + 1);
    }
}

/* With `sleeps` threads sleep from the first time on that they wait longer. */
static void test_waiting(int sleeps, const char *name) {
    meetings *m = calloc(1, sizeof *m);
    cvt_team *team = cvt_team_new(WAITERS);
    if (!m || cvt_team_size(team) != WAITERS) abort();
    cvt_waiting_init(&m->waiting);
    atomic_store(&m->waiting.sleeps, sleeps);
    cvt_team_run(team, meet, m);
    test_case(atomic_load(&m->wrong) == 0, name, "%d of %d values are wrong", atomic_load(&m->wrong),
              WAITERS * WAITERS * MEETINGS);
    test_case(atomic_load(&m->waiting.sleepers) == 0, name, "a thread still sleeps");
    cvt_waiting_end(&m->waiting);
    cvt_team_free(team);
    free(m);
}

/* ---- many threads, one model ----------------------------------------------------------------------------------- */

enum { THREADS = 8, ROUNDS = 3 };

typedef struct user {
    pthread_t thread;
    const cvt_model *model;
    int index;
    float *outputs; /* of the images, back to back */
    bool done;
} user;

static const char *const pictures[] = {"tests/data/cli/cat.jpg", "tests/data/cli/dog.png",
                                       "tests/data/images/jpeg_97x61_444_p_q75.jpg"};
enum { PICTURES = sizeof pictures / sizeof *pictures };

/* Prepares every image and runs it, in a session of `threads` threads. */
static bool use(const cvt_model *model, int threads, float *outputs) {
    cvt_session *session = NULL;
    cvt_image *image = NULL;
    const size_t n = (size_t)cvt_model_output(model).shape[0];
    bool good =
        cvt_session_new(&session, model, 1, threads, NULL) == CVT_OK && cvt_image_new(&image, NULL, NULL) == CVT_OK;
    for (int p = 0; good && p < PICTURES; p++) {
        good = cvt_image_read(image, model, pictures[p], CVT_STOP_NONE, NULL) == CVT_OK;
        const float *input = good ? cvt_image_tensor(image) : NULL;
        good = input && cvt_session_run(session, &input, 1, NULL) == CVT_OK;
        if (good) memcpy(outputs + (size_t)p * n, cvt_session_output(session), n * sizeof *outputs);
    }
    cvt_image_free(image);
    cvt_session_free(session);
    return good;
}

static void *serve(void *argument) {
    user *u = argument;
    u->done = true;
    for (int i = 0; i < ROUNDS; i++) u->done = use(u->model, 1 + (u->index + i) % 3, u->outputs) && u->done;
    return NULL;
}

static void test_one_model(const char *path) {
    cvt_model *model = NULL;
    cvt_error error = {0};
    if (!test_case(cvt_model_open(&model, path, NULL, &error) == CVT_OK, path, "%s", error.message)) return;
    const size_t n = PICTURES * (size_t)cvt_model_output(model).shape[0];
    float *wanted = calloc(n, sizeof *wanted);
    test_case(wanted && use(model, 1, wanted), "one thread", "it failed");
    user users[THREADS];
    for (int i = 0; i < THREADS; i++) {
        users[i] = (user){.model = model, .index = i, .outputs = calloc(n, sizeof *wanted)};
        if (!users[i].outputs || pthread_create(&users[i].thread, NULL, serve, &users[i]) != 0) abort();
    }
    int wrong = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(users[i].thread, NULL);
        wrong += !users[i].done || memcmp(users[i].outputs, wanted, n * sizeof *wanted) != 0;
        free(users[i].outputs);
    }
    test_case(wrong == 0, "eight threads on one model give its bytes", "%d do not", wrong);
    free(wanted);
    cvt_model_free(model);
}

/* From now on the address space has a limit, though none that anyone meets: teams have threads of their own. */
static void limit_space(void) {
    struct rlimit space;
    if (getrlimit(RLIMIT_AS, &space) != 0) abort();
    if (space.rlim_cur == RLIM_INFINITY) space.rlim_cur = (rlim_t)1 << 60;
    if (setrlimit(RLIMIT_AS, &space) != 0) abort();
}

int main(void) {
    test_teams();
    test_waiting(0, "threads wait awake");
    test_waiting(1 << 30, "threads wait asleep");
    test_one_model("tests/data/cvt/tiny");
    limit_space();
    test_teams();
    test_one_model("tests/data/cvt/tiny");
    return test_end();
}
