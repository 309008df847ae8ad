import type { FormatFigures, TimeShares } from '../../lab/compare/figures';
import { formatTime } from '../report/units';

/** One figure of a comparison. */
export interface FigureRow {
  readonly label: string;
  /** The same where there is more room. */
  readonly title: string;
  readonly value: (figures: FormatFigures) => number;
  readonly text: (figures: FormatFigures) => string;
  /** Which end is better. */
  readonly better: 'less' | 'more';
}

/** Three significant digits, without an exponent. */
export const shortNumber = (value: number): string => {
  if (value === 0) return '0';
  const digits = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(value)))));
  return value.toFixed(digits);
};

const row = (
  label: string,
  title: string,
  value: FigureRow['value'],
  text: (value: number) => string = shortNumber,
  better: FigureRow['better'] = 'less',
): FigureRow => ({ label, title, value, text: (figures) => text(value(figures)), better });

const perRequest =
  (pick: (figures: FormatFigures) => number) =>
  (figures: FormatFigures): number =>
    pick(figures) / figures.requests;

/** Bytes per nanosecond are gigabytes per second. */
const throughputText = (bytesPerNs: number): string =>
  bytesPerNs < 1 ? `${shortNumber(bytesPerNs * 1000)} MB/s` : `${shortNumber(bytesPerNs)} GB/s`;

/** Descriptor bytes that crossed the bus, read and written, for each byte of payload. */
export const descriptorBytesPerByte = ({ descriptorReadBytes, completionBytes, payloadBytes }: FormatFigures): number =>
  (descriptorReadBytes + completionBytes) / payloadBytes;

/** Reads of descriptors for each byte of payload. */
export const busReadsPerByte = ({ descriptorReads, payloadBytes }: FormatFigures): number =>
  descriptorReads / payloadBytes;

/** Bytes per nanosecond. */
export const throughput = ({ payloadBytes, nanoseconds }: FormatFigures): number => payloadBytes / nanoseconds;

/** The figures of a comparison, in their order. */
export const FIGURE_ROWS: readonly FigureRow[] = [
  row('throughput', 'throughput', throughput, throughputText, 'more'),
  row('latency, median', 'latency, median', ({ latency }) => latency.median, formatTime),
  row('latency, 99th percentile', 'latency, 99th percentile', ({ latency }) => latency.p99, formatTime),
  row('descriptor bytes per byte', 'descriptor bytes per byte of payload', descriptorBytesPerByte),
  row('bus reads per KiB', 'descriptor reads per KiB of payload', (figures) => 1024 * busReadsPerByte(figures)),
  row(
    'completion writes per req.',
    'completion writes per request',
    perRequest(({ completionWrites }) => completionWrites),
  ),
  row(
    'cache lines per request',
    'cache lines of descriptors per request',
    perRequest(({ cacheLines }) => cacheLines),
  ),
  row(
    'IOTLB misses per request',
    'IOTLB misses per request',
    perRequest(({ iotlbMisses }) => iotlbMisses),
  ),
  row(
    'doorbells per request',
    'doorbells per request',
    perRequest(({ doorbells }) => doorbells),
  ),
  row(
    'interrupts per request',
    'interrupts per request',
    perRequest(({ interrupts }) => interrupts),
  ),
];

/** Where time went, in the order in which it is shown. */
export const TIME_PARTS: readonly { readonly key: keyof TimeShares; readonly label: string }[] = [
  { key: 'moving', label: 'moving data' },
  { key: 'answers', label: 'waiting for data' },
  { key: 'listsAndCompletions', label: 'lists and completions' },
  { key: 'entries', label: 'waiting for entries' },
  { key: 'blocked', label: 'blocked' },
  { key: 'software', label: 'software' },
];

/** A share of all the time, as text. */
export const shareText = ({ time, nanoseconds }: FormatFigures, key: keyof TimeShares): string => {
  const percent = (100 * time[key]) / nanoseconds;
  return percent > 0 && percent < 0.1 ? '<0.1 %' : `${percent.toFixed(1)} %`;
};
