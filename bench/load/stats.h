/* What is measured: latency, sequence faults, and processor time and memory of two processes. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Latency in ns, log-linear: 64 steps per power of two, so a value is off by 1.6 % at most. */
#define HISTOGRAM_STEPS 64
#define HISTOGRAM_SIZE (40 * HISTOGRAM_STEPS)

struct histogram {
  uint64_t total;
  uint64_t counts[HISTOGRAM_SIZE];
};

void histogram_add(struct histogram *histogram, uint64_t ns);

/* The value in ns below which `fraction` of the entries lie; 0 when there are none. */
double histogram_at(const struct histogram *histogram, double fraction);

/* Prints `"name":{"count":…,"p50_us":…,"p99_us":…,"p999_us":…,"max_us":…}`. */
void histogram_print(const char *name, const struct histogram *histogram);

/*
 * One publisher's messages as one subscriber sees them. A message behind the newest one is a
 * duplicate if it was seen, else out of order; the last `window` sequence numbers are remembered.
 */
struct stream {
  uint64_t next; /* one above the highest sequence number seen */
  uint64_t duplicates;
  uint64_t reordered;
  uint32_t window; /* a multiple of 8 */
  uint8_t *seen;   /* one bit per remembered sequence number */
};

/* `count` streams in touched memory, so that no page fault falls into the measured part. */
struct stream *streams_make(size_t count, uint32_t window);
void streams_free(struct stream *streams);

/* Prints `"lost":…,"duplicates":…,"out_of_order":…`. */
void streams_print(const struct stream *streams, size_t count, uint64_t lost);

/* False for a duplicate. */
bool stream_accept(struct stream *stream, uint64_t sequence);

/* The head of every payload; the rest is filler. */
struct stamp {
  uint32_t magic;
  uint32_t publisher;
  uint64_t sequence;
  uint64_t sent_ns;
};
#define STAMP_MAGIC 0x4e61754du
#define PAYLOAD_MIN ((uint32_t)sizeof(struct stamp))

/* A moment: the clock, the broker's and the generator's processor time, the broker's memory. */
struct sample {
  uint64_t at_ns;
  double broker_cpu_seconds; /* user and system, all threads */
  double load_cpu_seconds;
  double machine_cpu_seconds; /* all processes and what the host took away, all processors */
  uint64_t broker_rss_bytes;
};

/* The processes whose sum is sampled: one, or the nodes of a cluster; none leaves figures 0. */
#define BROKERS_MAX 8
extern int broker_pids[BROKERS_MAX];
extern int broker_count;

struct sample take_sample(void);
double seconds_between(const struct sample *from, const struct sample *to);

/*
 * Prints seconds, CPU seconds of broker, generator and everything else, and the broker's memory at
 * the end, as JSON members with `prefix`.
 */
void sample_print(const char *prefix, const struct sample *from, const struct sample *to);

#endif
