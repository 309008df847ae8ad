import { extractField, type FieldLayout } from '../../emulator/registers/field';
import type { Register } from '../../emulator/registers/register';
import type { DmacParameters } from './options';
import {
  CH_INT,
  CTL_HI_IOC_BLKTFR,
  CTL_HI_LAST,
  CTL_HI_VALID,
  MSIZE_ITEMS,
  TT_FC_DST_PERIPHERAL,
  TT_FC_SRC_PERIPHERAL,
} from './spec';

/** The bits of the control word's high half that say nothing about how the bytes move. */
const MARKS = CTL_HI_IOC_BLKTFR | CTL_HI_LAST | CTL_HI_VALID;

/** The widest item, in bytes. Encoding 7 is reserved. */
const MAX_WIDTH = 64;

type CtlField =
  | 'SINC'
  | 'DINC'
  | 'SRC_TR_WIDTH'
  | 'DST_TR_WIDTH'
  | 'SRC_MSIZE'
  | 'DST_MSIZE'
  | 'ARLEN_EN'
  | 'ARLEN'
  | 'AWLEN_EN'
  | 'AWLEN';

/**
 * How the bytes of a block move, decoded from its control word and the channel's transfer type. The items of a list
 * mostly agree on it, so it is decoded only when it changes.
 */
export class BlockShape {
  /** Bytes of an item. */
  srcWidth = 1;
  dstWidth = 1;
  /** Whether the address stays. */
  srcFixed = false;
  dstFixed = false;
  /** Whether a handshake paces the side, and the items of its bursts. */
  srcPeripheral = false;
  dstPeripheral = false;
  srcBurst = 1;
  dstBurst = 1;
  /** Time that a byte takes, in nanoseconds. */
  nsPerByte = 0;
  /** The error with which the controller's parameters refuse the block, as bits of `CH_INTSTATUS`; 0 if they do not. */
  refusal = 0;

  private readonly parameters: DmacParameters;
  private readonly fields: Readonly<Record<CtlField, FieldLayout>>;
  private ctlLo = 0;
  private ctlHi = 0;
  private ttFc = -1;

  constructor(parameters: DmacParameters, ctl: Register<CtlField>) {
    this.parameters = parameters;
    const layout = (field: CtlField): FieldLayout => ctl.layoutOf(field);
    this.fields = {
      SINC: layout('SINC'),
      DINC: layout('DINC'),
      SRC_TR_WIDTH: layout('SRC_TR_WIDTH'),
      DST_TR_WIDTH: layout('DST_TR_WIDTH'),
      SRC_MSIZE: layout('SRC_MSIZE'),
      DST_MSIZE: layout('DST_MSIZE'),
      ARLEN_EN: layout('ARLEN_EN'),
      ARLEN: layout('ARLEN'),
      AWLEN_EN: layout('AWLEN_EN'),
      AWLEN: layout('AWLEN'),
    };
  }

  /** Brings the shape up to date with a control word, in signed halves, and a transfer type. */
  decode(ctlLo: number, ctlHi: number, ttFc: number): void {
    const hi = ctlHi & ~MARKS;
    if (ctlLo === this.ctlLo && hi === this.ctlHi && ttFc === this.ttFc) return;
    this.ctlLo = ctlLo;
    this.ctlHi = hi;
    this.ttFc = ttFc;
    const { fields } = this;
    const field = (layout: FieldLayout): number => extractField(layout, ctlLo, hi);
    this.srcWidth = 2 ** field(fields.SRC_TR_WIDTH);
    this.dstWidth = 2 ** field(fields.DST_TR_WIDTH);
    this.srcFixed = field(fields.SINC) !== 0;
    this.dstFixed = field(fields.DINC) !== 0;
    this.srcPeripheral = (ttFc & TT_FC_SRC_PERIPHERAL) !== 0;
    this.dstPeripheral = (ttFc & TT_FC_DST_PERIPHERAL) !== 0;
    this.srcBurst = MSIZE_ITEMS[field(fields.SRC_MSIZE)] ?? 0;
    this.dstBurst = MSIZE_ITEMS[field(fields.DST_MSIZE)] ?? 0;
    const { maxBurstLength } = this.parameters;
    const arlen = field(fields.ARLEN_EN) === 0 ? maxBurstLength : field(fields.ARLEN) + 1;
    const awlen = field(fields.AWLEN_EN) === 0 ? maxBurstLength : field(fields.AWLEN) + 1;
    this.refusal = this.refuse();
    this.nsPerByte = this.timeOfByte(Math.min(arlen, maxBurstLength), Math.min(awlen, maxBurstLength));
  }

  /** Transfer widths beyond the bus (or reserved), and a reserved burst size where a handshake needs it. */
  private refuse(): number {
    const busBytes = 2 ** this.parameters.dataWidth;
    const widest = Math.min(busBytes, MAX_WIDTH);
    let refusal = 0;
    if (this.srcWidth > widest || (this.srcPeripheral && this.srcBurst === 0)) refusal |= CH_INT.SRC_SLV_ERR;
    if (this.dstWidth > widest || (this.dstPeripheral && this.dstBurst === 0)) refusal |= CH_INT.DST_SLV_ERR;
    return refusal;
  }

  /** A beat carries one item and takes a bus cycle however narrow it is; each burst costs its address phase on top. */
  private timeOfByte(readBeats: number, writeBeats: number): number {
    const { dataWidth, bytesPerNs, burstNs } = this.parameters;
    const beatNs = 2 ** dataWidth / bytesPerNs;
    const readBytes = Math.max(1, Math.min(readBeats, this.srcBurst)) * this.srcWidth;
    const writeBytes = Math.max(1, Math.min(writeBeats, this.dstBurst)) * this.dstWidth;
    return beatNs / Math.min(this.srcWidth, this.dstWidth) + burstNs / Math.min(readBytes, writeBytes);
  }
}
