import type { FormatFigures, TimeShares } from '../../lab/compare/figures';
import { formatTime } from '../report/units';

/** One figure of a comparison. */
export interface FigureRow {
  readonly label: string;
  /** What it is counted in, for pictures. */
  readonly unit: string;
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
  unit: string,
  value: FigureRow['value'],
  text: (value: number) => string = shortNumber,
  better: FigureRow['better'] = 'less',
): FigureRow => ({ label, unit, value, text: (figures) => text(value(figures)), better });

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
  row('throughput', 'simulated', throughput, throughputText, 'more'),
  row('latency, median', 'simulated', ({ latency }) => latency.median, formatTime),
  row('latency, 99th percentile', 'simulated', ({ latency }) => latency.p99, formatTime),
  row('descriptor bytes per byte', 'read and written, per payload byte', descriptorBytesPerByte),
  row('bus reads per KiB', 'of descriptors, per KiB of payload', (figures) => 1024 * busReadsPerByte(figures)),
  row(
    'cache lines per request',
    'of descriptors, touched by the CPU',
    perRequest(({ cacheLines }) => cacheLines),
  ),
  row(
    'IOTLB misses per request',
    'page-table walks',
    perRequest(({ iotlbMisses }) => iotlbMisses),
  ),
  row(
    'doorbells per request',
    'register writes',
    perRequest(({ doorbells }) => doorbells),
  ),
  row(
    'interrupts per request',
    'raised by the engine',
    perRequest(({ interrupts }) => interrupts),
  ),
];

/** Where time went, in the order in which it is shown. */
export const TIME_PARTS: readonly { readonly key: keyof TimeShares; readonly label: string }[] = [
  { key: 'moving', label: 'moving data' },
  { key: 'dataLatency', label: 'first answers' },
  { key: 'descriptors', label: 'descriptors' },
  { key: 'blocked', label: 'blocked' },
  { key: 'software', label: 'software' },
];

/** A share of all the time, as text. */
export const shareText = ({ time, nanoseconds }: FormatFigures, key: keyof TimeShares): string => {
  const percent = (100 * time[key]) / nanoseconds;
  return percent > 0 && percent < 0.1 ? '<0.1 %' : `${percent.toFixed(1)} %`;
};
