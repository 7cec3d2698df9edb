// Code tables of DSP0134 3.7.1; a code that is not here stays a number.

/** 7.4.1 System Enclosure or Chassis Types. */
export const CHASSIS_TYPES: Readonly<Record<number, string>> = {
  1: 'other',
  3: 'desktop',
  4: 'low profile desktop',
  5: 'pizza box',
  6: 'mini tower',
  7: 'tower',
  8: 'portable',
  9: 'laptop',
  10: 'notebook',
  11: 'hand held',
  12: 'docking station',
  13: 'all in one',
  14: 'sub notebook',
  15: 'space-saving',
  16: 'lunch box',
  17: 'main server chassis',
  18: 'expansion chassis',
  19: 'sub chassis',
  20: 'bus expansion chassis',
  21: 'peripheral chassis',
  22: 'RAID chassis',
  23: 'rack mount chassis',
  24: 'sealed-case PC',
  25: 'multi-system chassis',
  26: 'compact PCI',
  27: 'advanced TCA',
  28: 'blade',
  29: 'blade enclosure',
  30: 'tablet',
  31: 'convertible',
  32: 'detachable',
  33: 'IoT gateway',
  34: 'embedded PC',
  35: 'mini PC',
  36: 'stick PC',
}

/** 7.17.1 Memory Array Location is left out; 7.17.2 Use: 3 is system memory. */
export const SYSTEM_MEMORY = 3

/** 7.17.3 Memory Error Correction Types; 1 (other) and 2 (unknown) say nothing. */
export const ECC_MODES: Readonly<Record<number, 'none' | 'parity' | 'single-bit' | 'multi-bit' | 'crc'>> = {
  3: 'none',
  4: 'parity',
  5: 'single-bit',
  6: 'multi-bit',
  7: 'crc',
}

/** 7.18.1 Memory Device Form Factor. */
export const FORM_FACTORS: Readonly<Record<number, string>> = {
  3: 'SIMM',
  4: 'SIP',
  5: 'chip',
  6: 'DIP',
  7: 'ZIP',
  8: 'proprietary card',
  9: 'DIMM',
  10: 'TSOP',
  11: 'row of chips',
  12: 'RIMM',
  13: 'SODIMM',
  14: 'SRIMM',
  15: 'FB-DIMM',
  16: 'die',
  17: 'CAMM',
}

/** 7.18.2 Memory Device Type. */
export const MEMORY_TYPES: Readonly<Record<number, string>> = {
  3: 'DRAM',
  4: 'EDRAM',
  5: 'VRAM',
  6: 'SRAM',
  7: 'RAM',
  8: 'ROM',
  9: 'flash',
  10: 'EEPROM',
  11: 'FEPROM',
  12: 'EPROM',
  13: 'CDRAM',
  14: '3DRAM',
  15: 'SDRAM',
  16: 'SGRAM',
  17: 'RDRAM',
  18: 'DDR',
  19: 'DDR2',
  20: 'DDR2 FB-DIMM',
  24: 'DDR3',
  25: 'FBD2',
  26: 'DDR4',
  27: 'LPDDR',
  28: 'LPDDR2',
  29: 'LPDDR3',
  30: 'LPDDR4',
  31: 'logical non-volatile device',
  32: 'HBM',
  33: 'HBM2',
  34: 'DDR5',
  35: 'LPDDR5',
  36: 'HBM3',
}

/** 7.39.1 IPMI Device BMC Interface Type. */
export const BMC_INTERFACES: Readonly<Record<number, string>> = { 1: 'KCS', 2: 'SMIC', 3: 'BT', 4: 'SSIF' }
