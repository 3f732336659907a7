/* A line a loop; the group knows since when the first of each line waits. */
#include "queue.h"

/* A worker may serve its own rather than one that waits elsewhere so little longer: a connection
 * stays warm then, and nobody is passed over for long. */
enum { PATIENCE_MS = 20 };

static void tell_front(struct upstream *upstream)
{
    const struct exchange *front = TAILQ_FIRST(&upstream->queue);
    __atomic_store_n(&upstream->line.front_ms, front ? front->queued_ms : 0, __ATOMIC_RELAXED);
}

/* Connections that others hold without using them. */
static uint64_t unused_elsewhere(const struct upstream *upstream)
{
    uint64_t n = 0;
    for (size_t i = 0; i < upstream->n_servers; i++)
        n += __atomic_load_n(&upstream->servers[i]->member->idle, __ATOMIC_SEQ_CST);
    return n;
}

bool queue_join(struct exchange *ex)
{
    struct upstream *upstream = ex->upstream;
    if (!group_wait(upstream->group, unused_elsewhere(upstream))) {
        count(&ex->loop->counters.queue_refused);
        return false;
    }
    ex->queued_ms = timer_now_ms();
    ex->queued = true;
    TAILQ_INSERT_TAIL(&upstream->queue, ex, in_queue);
    tell_front(upstream);
    count(&ex->loop->counters.queued);
    if (unused_elsewhere(upstream))
        group_ring(upstream->group, &upstream->line);
    return true;
}

bool queue_is_first(const struct exchange *ex)
{
    return TAILQ_FIRST(&ex->upstream->queue) == ex;
}

void queue_leave(struct exchange *ex)
{
    if (!ex->queued)
        return;
    bool first = queue_is_first(ex);
    ex->queued = false;
    TAILQ_REMOVE(&ex->upstream->queue, ex, in_queue);
    struct exchange *next = TAILQ_FIRST(&ex->upstream->queue);
    if (first && next)
        loop_again(next->loop, next->client); /* it is the one that looks from now on */
    tell_front(ex->upstream);
    group_wait_ends(ex->upstream->group);
    queue_wake(ex->upstream);
}

static bool is_patient(const struct upstream *upstream, const struct exchange *front)
{
    uint64_t other = group_oldest(upstream->group, &upstream->line, false);
    return other && other + PATIENCE_MS < front->queued_ms;
}

bool queue_is_turn(const struct exchange *ex)
{
    return queue_is_first(ex) && !is_patient(ex->upstream, ex);
}

bool queue_has_others(const struct upstream *upstream)
{
    return group_waiting(upstream->group) > 0;
}

/* Gives up as many idle connections to full servers as others wait for. */
static void yield(struct upstream *upstream)
{
    uint64_t wanted = group_waiting(upstream->group);
    for (size_t i = 0; i < upstream->n_servers; i++) {
        struct server *server = upstream->servers[i];
        while (wanted && server->n_idle && member_is_full(server->member)) {
            conn_close(server->idle);
            wanted--;
        }
    }
}

void queue_wake(struct upstream *upstream)
{
    struct exchange *front = TAILQ_FIRST(&upstream->queue);
    if (!group_waiting(upstream->group))
        return;
    if (front && !is_patient(upstream, front)) {
        loop_again(upstream->loop, front->client);
        return;
    }
    group_oldest(upstream->group, &upstream->line, true);
    yield(upstream);
}

void queue_look(struct upstream *upstream)
{
    struct exchange *front = TAILQ_FIRST(&upstream->queue);
    if (!group_waiting(upstream->group))
        return;
    if (front)
        loop_again(upstream->loop, front->client);
    if (!front || is_patient(upstream, front))
        yield(upstream);
}
