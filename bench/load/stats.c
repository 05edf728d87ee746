#include "stats.h"

#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

int broker_pids[BROKERS_MAX];
int broker_count;

/* Below HISTOGRAM_STEPS the index is the value; above, each power of two has that many steps. */
static uint32_t index_of(uint64_t ns) {
  if (ns < HISTOGRAM_STEPS) return (uint32_t)ns;
  uint32_t shift = 63u - (uint32_t)__builtin_clzll(ns) - 6u;
  uint32_t index = (shift + 1) * HISTOGRAM_STEPS + (uint32_t)((ns >> shift) - HISTOGRAM_STEPS);
  return index < HISTOGRAM_SIZE ? index : HISTOGRAM_SIZE - 1;
}

static double value_at(uint32_t index) {
  if (index < HISTOGRAM_STEPS) return index;
  uint32_t shift = index / HISTOGRAM_STEPS - 1;
  return (double)((uint64_t)(index % HISTOGRAM_STEPS + HISTOGRAM_STEPS) << shift);
}

void histogram_add(struct histogram *histogram, uint64_t ns) {
  histogram->counts[index_of(ns)]++;
  histogram->total++;
}

double histogram_at(const struct histogram *histogram, double fraction) {
  uint64_t below = 0;
  for (uint32_t i = 0; i < HISTOGRAM_SIZE; i++) {
    below += histogram->counts[i];
    if (below > 0 && (double)below >= fraction * (double)histogram->total) return value_at(i);
  }
  return 0;
}

void histogram_print(const char *name, const struct histogram *histogram) {
  printf("\"%s\":{\"count\":%llu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}",
         name, (unsigned long long)histogram->total, histogram_at(histogram, 0.5) / 1e3,
         histogram_at(histogram, 0.99) / 1e3, histogram_at(histogram, 0.999) / 1e3,
         histogram_at(histogram, 1) / 1e3);
}

struct stream *streams_make(size_t count, uint32_t window) {
  struct stream *streams = malloc(count * sizeof *streams);
  uint8_t *seen = malloc(count * (window / 8));
  if (!streams || !seen) die("out of memory");
  memset(seen, 0, count * (window / 8));
  for (size_t i = 0; i < count; i++) {
    streams[i] = (struct stream){.window = window, .seen = seen + i * (window / 8)};
  }
  return streams;
}

void streams_free(struct stream *streams) {
  if (!streams) return;
  free(streams[0].seen);
  free(streams);
}

void streams_print(const struct stream *streams, size_t count, uint64_t lost) {
  unsigned long long duplicates = 0, reordered = 0;
  for (size_t i = 0; i < count; i++) {
    duplicates += streams[i].duplicates;
    reordered += streams[i].reordered;
  }
  printf("\"lost\":%llu,\"duplicates\":%llu,\"out_of_order\":%llu", (unsigned long long)lost,
         duplicates, reordered);
}

static void forget_from(struct stream *stream, uint64_t from, uint64_t to) {
  if (to - from >= stream->window) {
    memset(stream->seen, 0, stream->window / 8);
    return;
  }
  for (uint64_t i = from; i < to; i++) {
    stream->seen[i % stream->window / 8] &= (uint8_t)~(1u << (i % 8));
  }
}

bool stream_accept(struct stream *stream, uint64_t sequence) {
  uint8_t *byte = &stream->seen[sequence % stream->window / 8];
  uint8_t bit = (uint8_t)(1u << (sequence % 8));
  if (sequence >= stream->next) {
    forget_from(stream, stream->next, sequence + 1);
    stream->next = sequence + 1;
  } else if (stream->next - sequence > stream->window || *byte & bit) {
    stream->duplicates++;
    return false;
  } else {
    stream->reordered++;
  }
  *byte |= bit;
  return true;
}

/* Fields 14 and 15 of /proc/PID/stat, counted after the command name, which may hold blanks. */
static double process_cpu_seconds(int pid) {
  char path[64], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  FILE *file = fopen(path, "r");
  if (!file) die("broker process %d is gone", pid);
  size_t size = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[size] = 0;
  unsigned long long user = 0, system = 0;
  const char *after_name = strrchr(text, ')');
  static const char fields[] = " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu";
  if (!after_name || sscanf(after_name + 1, fields, &user, &system) != 2) {
    die("%s cannot be read", path);
  }
  return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static uint64_t process_rss_bytes(int pid) {
  char path[64], line[256];
  unsigned long long kilobytes = 0;
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *file = fopen(path, "r");
  if (!file) die("broker process %d is gone", pid);
  while (fgets(line, sizeof line, file)) {
    if (sscanf(line, "VmRSS: %llu", &kilobytes) == 1) break;
  }
  fclose(file);
  return kilobytes * 1024;
}

/* The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal. */
static double machine_cpu_seconds(void) {
  unsigned long long t[8] = {0};
  FILE *file = fopen("/proc/stat", "r");
  if (!file) return 0;
  int count = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2],
                     &t[3], &t[4], &t[5], &t[6], &t[7]);
  fclose(file);
  if (count != 8) return 0;
  return (double)(t[0] + t[1] + t[2] + t[5] + t[6] + t[7]) / (double)sysconf(_SC_CLK_TCK);
}

struct sample take_sample(void) {
  struct rusage usage;
  struct sample sample = {.at_ns = now_ns()};
  getrusage(RUSAGE_SELF, &usage);
  sample.load_cpu_seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                            (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  sample.machine_cpu_seconds = machine_cpu_seconds();
  for (int i = 0; i < broker_count; i++) {
    sample.broker_cpu_seconds += process_cpu_seconds(broker_pids[i]);
    sample.broker_rss_bytes += process_rss_bytes(broker_pids[i]);
  }
  return sample;
}

double seconds_between(const struct sample *from, const struct sample *to) {
  return (double)(to->at_ns - from->at_ns) / 1e9;
}

void sample_print(const char *prefix, const struct sample *from, const struct sample *to) {
  double broker = to->broker_cpu_seconds - from->broker_cpu_seconds;
  double load = to->load_cpu_seconds - from->load_cpu_seconds;
  double others = to->machine_cpu_seconds - from->machine_cpu_seconds - broker - load;
  printf("\"%sseconds\":%.4f,\"%sbroker_cpu_seconds\":%.4f,\"%sload_cpu_seconds\":%.4f,"
         "\"%sothers_cpu_seconds\":%.4f,\"%srss_bytes\":%llu",
         prefix, seconds_between(from, to), prefix, broker, prefix, load, prefix,
         others > 0 ? others : 0, prefix, (unsigned long long)to->broker_rss_bytes);
}
