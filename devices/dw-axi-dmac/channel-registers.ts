import type { Register } from '../../emulator/registers/register';
import type { RegisterBlock } from '../../emulator/registers/register-block';
import type { FieldName } from '../../emulator/registers/spec';
import type { DmacBlockSpec } from './spec';

/** The registers that a channel works with. */
export interface ChannelRegisters {
  readonly sar: Register;
  readonly dar: Register;
  readonly blockTs: Register;
  readonly ctl: Register<FieldName<DmacBlockSpec, 'CH_CTL'>>;
  readonly cfg: Register<FieldName<DmacBlockSpec, 'CH_CFG'>>;
  readonly llp: Register;
  readonly status: Register;
  readonly swhsSrc: Register;
  readonly swhsDst: Register;
}

/** Picks one channel's registers out of the block. */
export const channelRegisters = (block: RegisterBlock<DmacBlockSpec>, index: number): ChannelRegisters => ({
  sar: block.register('CH_SAR', index),
  dar: block.register('CH_DAR', index),
  blockTs: block.register('CH_BLOCK_TS', index),
  ctl: block.register('CH_CTL', index),
  cfg: block.register('CH_CFG', index),
  llp: block.register('CH_LLP', index),
  status: block.register('CH_STATUS', index),
  swhsSrc: block.register('CH_SWHSSRC', index),
  swhsDst: block.register('CH_SWHSDST', index),
});
