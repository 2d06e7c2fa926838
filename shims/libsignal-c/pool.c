// What has to be released at the end of a request.
#include <stdlib.h>

#include "shim.h"

typedef struct kept {
    struct kept *next;
    void (*release)(void *);
    void *p;
} kept;

static kept *pool;

void keep(void (*release)(void *), void *p)
{
    kept *k = malloc(sizeof *k);
    if (k == NULL)
        abort();
    *k = (kept){pool, release, p};
    pool = k;
}

void release_all(void)
{
    while (pool != NULL) {
        kept *k = pool;
        pool = k->next;
        k->release(k->p);
        free(k);
    }
}

void unref(void *p) { signal_type_unref(p); }
void unbuffer(void *p) { signal_buffer_bzero_free(p); }
