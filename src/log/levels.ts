/** VerneMQ's (syslog's) levels, from everything to nearly nothing. */
export const logLevels = [
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
] as const;
export type LogLevel = (typeof logLevels)[number];

export function isLogLevel(text: string): text is LogLevel {
  return (logLevels as readonly string[]).includes(text);
}

/** The levels that our own lines have. */
export type LineLevel = 'debug' | 'info' | 'warn' | 'error';

/** The least severe of our lines that a configured level lets through. */
export function lowestLineOf(level: LogLevel): LineLevel {
  switch (level) {
    case 'debug':
      return 'debug';
    case 'info':
      return 'info';
    // No line of ours is a notice: the next that exist are warnings.
    case 'notice':
    case 'warning':
      return 'warn';
    // Nor is any worse than an error: who asks for the worst only, still sees those.
    case 'error':
    case 'critical':
    case 'alert':
    case 'emergency':
      return 'error';
  }
}
