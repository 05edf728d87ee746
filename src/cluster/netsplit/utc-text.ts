const dayMs = 86_400_000;
/** Days of 400 years: after these the calendar repeats. */
const cycleDays = 146_097;
/** From the first of March of the year 0 to the first of January 1970. */
const epochDays = 719_468;

/**
 * A moment as people and scripts read it: `2026-11-23T10:00:00Z`. `ms` is since the Unix epoch and
 * not before it. The core may not ask the system's calendar, so the calendar is counted here.
 */
export function utcText(ms: number): string {
  const whole = Math.floor(ms);
  const { year, month, day } = dateOf(Math.floor(whole / dayMs));
  const seconds = Math.floor((whole % dayMs) / 1000);
  const time = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(twoDigits).join(':');
  return `${String(year).padStart(4, '0')}-${twoDigits(month)}-${twoDigits(day)}T${time}Z`;
}

/**
 * Years are counted from the first of March, so that the day that comes and goes is their last, and
 * the months before it have a pattern of 153 days in five.
 */
function dateOf(daysSinceEpoch: number): { year: number; month: number; day: number } {
  const days = daysSinceEpoch + epochDays;
  const cycle = Math.floor(days / cycleDays);
  const inCycle = days % cycleDays;
  const leaps = Math.floor(inCycle / 36_524) - Math.floor(inCycle / 1460);
  const yearInCycle = Math.floor((inCycle + leaps - Math.floor(inCycle / 146_096)) / 365);
  const before = 365 * yearInCycle + Math.floor(yearInCycle / 4) - Math.floor(yearInCycle / 100);
  const inYear = inCycle - before;
  const sinceMarch = Math.floor((5 * inYear + 2) / 153);
  const day = inYear - Math.floor((153 * sinceMarch + 2) / 5) + 1;
  const month = sinceMarch < 10 ? sinceMarch + 3 : sinceMarch - 9;
  return { year: cycle * 400 + yearInCycle + (month <= 2 ? 1 : 0), month, day };
}

function twoDigits(value: number): string {
  return String(Math.floor(value)).padStart(2, '0');
}
