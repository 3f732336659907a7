/* Reads a head, has it answered, writes the answer, and goes on or closes. A request has no body
 * that anybody would read: one with a body is answered and the connection closed. */
#include "dialogue.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include "corsd/http/edit.h"
#include "corsd/http/framing.h"
#include "corsd/http/guard.h"
#include "corsd/http/target.h"
#include "corsd/net/timer.h"

enum { HEAD_MAX = 16 * 1024, FIELDS_MAX = 64, ANSWER_MAX = 16 << 20, PATIENCE_MS = 10000 };

struct dialogue {
    struct event event;
    struct dialogue_host *host;
    struct dialogue *next, **before;
    int fd;
    struct guard guard;
    struct buf in, out;
    size_t written;
    bool closes; /* after what is in `out` */
    uint64_t until_ms; /* a head, or a piece of an answer, moves until then */
};

static void end(struct dialogue *dialogue)
{
    struct dialogue_host *host = dialogue->host;
    *dialogue->before = dialogue->next;
    if (dialogue->next)
        dialogue->next->before = dialogue->before;
    host->n--;
    event_del(&dialogue->event);
    close(dialogue->fd);
    buf_finish(&dialogue->in);
    buf_finish(&dialogue->out);
    free(dialogue);
    if (host->on_end)
        host->on_end(host);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void compose(struct dialogue *dialogue, struct reply *reply, bool head_only)
{
    struct buf *out = &dialogue->out;
    edit_status_line(out, reply->status, http_reason_phrase(reply->status));
    if (reply->status == 405)
        edit_field(out, STR("Allow"), STR("GET, HEAD"));
    edit_field(out, STR("Cache-Control"), STR("no-store"));
    edit_field(out, STR("X-Content-Type-Options"), STR("nosniff"));
    if (dialogue->closes)
        edit_field(out, STR("Connection"), STR("close"));
    edit_field(out, STR("Content-Type"), str_of(reply->type));
    edit_field_u64(out, STR("Content-Length"), reply->body.n);
    edit_end(out);
    if (!head_only)
        buf_add(out, buf_str(&reply->body));
    buf_finish(&reply->body);
}

static void refuse(struct dialogue *dialogue, enum http_cause cause)
{
    struct reply reply = {http_causes[cause].status, "text/plain; charset=utf-8",
                          BUF_INIT(ANSWER_MAX)};
    buf_printf(&reply.body, "corsd: %.*s\n", STR_ARG(http_causes[cause].prose));
    dialogue->closes = true;
    compose(dialogue, &reply, false);
}

static enum http_cause answer_head(struct dialogue *dialogue, struct str bytes)
{
    struct field fields[FIELDS_MAX];
    struct head head = {.fields = fields, .cap = FIELDS_MAX};
    struct reply reply = {404, "text/plain; charset=utf-8", BUF_INIT(ANSWER_MAX)};
    struct target target;
    struct body body;
    enum http_cause cause = message_parse_request(&head, bytes);
    if (!cause)
        cause = framing_of_request(&head, &body);
    if (!cause && (!target_parse(head.target, &target) || target.form != TARGET_ORIGIN))
        cause = CAUSE_BAD_TARGET;
    if (!cause &&
        (head_count(&head, FIELD_HOST) > 1 || (head.minor && !head_has(&head, FIELD_HOST))))
        cause = CAUSE_BAD_HOST;
    if (cause)
        return cause;
    dialogue->closes = !head.minor || body.kind != BODY_NONE ||
                       head_list_has(&head, FIELD_CONNECTION, STR("close"));
    if (head.method_id != METHOD_GET && head.method_id != METHOD_HEAD) {
        reply.status = 405;
        buf_printf(&reply.body, "corsd: only GET and HEAD are answered here\n");
    } else
        dialogue->host->answer(dialogue->host, &head, target.path, &reply);
    compose(dialogue, &reply, head.method_id == METHOD_HEAD);
    return CAUSE_NONE;
}

/* --- bytes ------------------------------------------------------------------------------------ */

static void wait_for(struct dialogue *dialogue, short what);

/* False: the dialogue is over. */
static bool write_some(struct dialogue *dialogue)
{
    while (dialogue->written < dialogue->out.n) {
        ssize_t n = send(dialogue->fd, dialogue->out.p + dialogue->written,
                         dialogue->out.n - dialogue->written, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            wait_for(dialogue, EV_WRITE);
            return true;
        }
        if (n < 0 && errno != EINTR) {
            end(dialogue);
            return false;
        }
        dialogue->written += n > 0 ? (size_t)n : 0;
        dialogue->until_ms = timer_now_ms() + PATIENCE_MS;
    }
    buf_clear(&dialogue->out);
    dialogue->written = 0;
    if (dialogue->closes || dialogue->out.failed) {
        shutdown(dialogue->fd, SHUT_WR);
        end(dialogue);
        return false;
    }
    return true;
}

/* Answers the heads that are whole, one after the other. False: the dialogue is over, or writes. */
static bool answer_some(struct dialogue *dialogue)
{
    struct guard_limits limits = {HEAD_MAX, FIELDS_MAX};
    while (dialogue->guard.at < dialogue->in.n) {
        struct str bytes = buf_str(&dialogue->in);
        enum guard_result result = guard_scan(&dialogue->guard, bytes, &limits);
        enum http_cause cause = (enum http_cause)dialogue->guard.cause;
        if (result == GUARD_MORE)
            return true;
        size_t size = dialogue->guard.at;
        if (result == GUARD_WHOLE)
            cause = answer_head(dialogue, (struct str){bytes.p + dialogue->guard.start,
                                                       size - dialogue->guard.start});
        if (cause)
            refuse(dialogue, cause);
        buf_drop(&dialogue->in, size);
        guard_init(&dialogue->guard, GUARD_REQUEST);
        if (!write_some(dialogue) || dialogue->out.n)
            return false;
    }
    return true;
}

static void read_some(struct dialogue *dialogue)
{
    char bytes[4096];
    ssize_t n = recv(dialogue->fd, bytes, sizeof bytes, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        wait_for(dialogue, EV_READ);
        return;
    }
    if (n <= 0 || !buf_add(&dialogue->in, (struct str){bytes, (size_t)n})) {
        end(dialogue);
        return;
    }
    if (answer_some(dialogue))
        wait_for(dialogue, EV_READ);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    struct dialogue *dialogue = arg;
    (void)fd;
    if (what & EV_TIMEOUT)
        end(dialogue);
    else if (what & EV_READ)
        read_some(dialogue);
    else if (write_some(dialogue) && !dialogue->out.n && answer_some(dialogue))
        wait_for(dialogue, EV_READ);
}

/* Out of memory it rests until dialogue_end_all. */
static void wait_for(struct dialogue *dialogue, short what)
{
    uint64_t now = timer_now_ms(), ms = dialogue->until_ms > now ? dialogue->until_ms - now : 0;
    struct timeval left = {.tv_sec = (time_t)(ms / 1000),
                           .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
    event_del(&dialogue->event);
    if (event_assign(&dialogue->event, dialogue->host->base, dialogue->fd, what, on_event,
                     dialogue) == 0)
        event_add(&dialogue->event, &left);
}

bool dialogue_begin(struct dialogue_host *host, int fd)
{
    struct dialogue *dialogue = calloc(1, sizeof *dialogue);
    if (!dialogue) {
        close(fd);
        return false;
    }
    *dialogue = (struct dialogue){.host = host,
                                  .fd = fd,
                                  .until_ms = timer_now_ms() + PATIENCE_MS,
                                  .in = BUF_INIT(2 * HEAD_MAX),
                                  .out = BUF_INIT(ANSWER_MAX + 4096),
                                  .next = host->first,
                                  .before = &host->first};
    if (dialogue->next)
        dialogue->next->before = &dialogue->next;
    host->first = dialogue;
    host->n++;
    guard_init(&dialogue->guard, GUARD_REQUEST);
    event_assign(&dialogue->event, host->base, fd, EV_READ, on_event, dialogue);
    wait_for(dialogue, EV_READ);
    return true;
}

void dialogue_end_all(struct dialogue_host *host)
{
    while (host->first)
        end(host->first);
}
