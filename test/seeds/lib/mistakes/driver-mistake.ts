import type { ReportId } from '../../../../lab/sanitizer/catalogue';
import type { SanitizerReport } from '../../../../lab/sanitizer/report';
import type { BackEnd } from '../../../back-ends/lib/machines';
import { type Episode } from '../episode';

/** Mistakes that a driver makes once, and what the sanitizer has to say about each. */
export interface DriverMistake {
  readonly name: string;
  /** Must be reported. Null: on this machine there is nothing to report. */
  readonly report: ReportId | ((where: BackEnd) => ReportId | null);
  /** The harm that is reported, where it is certain. */
  readonly harm?: (where: BackEnd) => SanitizerReport['harm'] | null;
  /** What may be reported with it, since it follows from the same mistake. */
  readonly follows?: readonly ReportId[];
  /** It is the first thing that happens: what was mapped before would be as good an explanation. */
  readonly atStart?: true;
  /** The devices are unbound right after it, and nothing else happens. */
  readonly atEnd?: true;
  readonly make: (episode: Episode) => void | Promise<void>;
}
