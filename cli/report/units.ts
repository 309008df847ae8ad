/** A quantity with three significant digits or so, in the unit that fits: `4.00 MiB`. */
const scaled = (value: number, step: number, units: readonly string[]): string => {
  let amount = value;
  let unit = 0;
  while (amount >= step && unit < units.length - 1) {
    amount /= step;
    unit++;
  }
  const digits = unit === 0 || amount >= 100 ? 0 : amount >= 10 ? 1 : 2;
  return `${amount.toFixed(digits)} ${units[unit]!}`;
};

/** Simulated nanoseconds. */
export const formatTime = (nanoseconds: number): string => scaled(nanoseconds, 1000, ['ns', 'us', 'ms', 's']);

/** A moment of simulated time, exact, so that moments that follow one another look different. */
export const formatMoment = (nanoseconds: number): string => `${(nanoseconds / 1000).toFixed(3)} us`;

export const formatBytes = (bytes: number): string => scaled(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);

/** Real time. */
export const formatWall = (milliseconds: number): string =>
  milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;

/** A number and its noun: `1 scenario`, `3 scenarios`. */
export const count = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? '' : 's'}`;
