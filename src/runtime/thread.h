/* A thread with an event base of its own, and a bell that other threads ring. What the base serves
 * belongs to the thread while it runs, and to the main thread before and after. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "corsd/base/str.h"

struct event_base;
struct thread;

/* Not yet running. `on_bell` runs in the thread after thread_ring, once for rings that come close
 * together. NULL: no memory or descriptors. */
MUST_USE struct thread *thread_create(void (*on_bell)(void *owner), void *owner);
struct event_base *thread_base(struct thread *thread);
/* Counts its turns there, each a wait for events and what they bring; before thread_start. */
void thread_count_turns(struct thread *thread, uint64_t *turns);
/* The name is seen in ps and debuggers: 15 bytes at most. */
MUST_USE bool thread_start(struct thread *thread, const char *name);

/* From any thread. */
void thread_ring(struct thread *thread);
/* Asks for a sign of life; since how many ms the last one is owed, 0 where it is not. Costs an idle
 * thread one turn. */
uint64_t thread_ask(struct thread *thread);
/* The loop has come to its end, whoever wanted that. */
bool thread_has_ended(const struct thread *thread);

/* From the thread itself: its loop ends after this event. */
void thread_leave(struct thread *thread);

/* From the main thread: ends the loop and waits for it. The base stands until thread_destroy, so
 * that its events can be deleted between the two. Fine for NULL, and for one that never ran. */
void thread_stop(struct thread *thread);
void thread_destroy(struct thread *thread);
