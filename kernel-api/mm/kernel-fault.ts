import { PAGE_SIZE } from '../../base/address';
import { BUS_NO_ADDRESS, BUS_POISONED } from '../../base/bus-outcome';
import { KernelOops } from '../oops';

/** An address as the kernel prints it in an oops. */
const printed = (address: number): string => `0x${address.toString(16).padStart(16, '0')}`;

const reason = (address: number, outcome: number): string => {
  if (outcome === BUS_POISONED) return 'access to poisoned memory';
  if (outcome !== BUS_NO_ADDRESS) return 'access fault';
  return address < PAGE_SIZE ? 'NULL pointer dereference' : 'paging request';
};

/** The oops for a kernel access that failed: nothing is mapped there (`die_kernel_fault`), or the bus refused it. */
export const kernelFault = (address: number, outcome: number): KernelOops =>
  new KernelOops(`Unable to handle kernel ${reason(address, outcome)} at virtual address ${printed(address)}`);
