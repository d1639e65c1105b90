/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared object that exports nothing that meshd knows.
 */
int not_a_plugin(void);

int not_a_plugin(void)
{
	return 0;
}
